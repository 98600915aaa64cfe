# What bash can: arrays, tests, expansions, process substitution, coprocesses, traps, here-documents, arithmetic.
set -u
list=(one "two words" three); list+=(four)
echo "${#list[@]} ${list[1]} ${list[@]:1:2} ${!list[*]}"
declare -A map=([a]=1 [b]=2); map[c]=3
for key in $(printf '%s\n' "${!map[@]}" | sort); do printf '%s=%s ' "$key" "${map[$key]}"; done; echo
text=path/to/file.tar.gz
echo "${text##*/} ${text%%.*} ${text/to/from} ${text^^} ${#text} ${text: -2} ${unset:-default}"
[[ $text =~ ^(.*)/([^/]+)$ ]] && echo "${BASH_REMATCH[2]}"
echo $((16#ff + 2 ** 10 % 7)) $((1 << 40)) $((RANDOM >= 0))
diff <(seq 5) <(seq 2 6) | tee >(wc -l >counted) | head -2
coproc WORKER { while read -r line; do echo "got $line"; done; }
echo hello >&"${WORKER[1]}"; read -r answer <&"${WORKER[0]}"; echo "$answer"
eval "exec ${WORKER[1]}>&-"; wait "$WORKER_PID" 2>/dev/null; echo "coprocess $?"
cat <<-END | tr a-z A-Z
	a here-document with $((1 + 1)) and "quotes"
	END
cat <<'END'
nothing $expanded `here`
END
tr o 0 <<<"a here-string"
trap 'echo "caught USR1"' USR1; kill -USR1 $$
(trap 'echo "leaving $?"' EXIT; exit 3); echo "left $?"
(trap 'echo "error on line $LINENO"' ERR; false); 
function parts { local IFS=:; echo "$*"; return 4; }; parts a b c; echo $?
printf '%05d|%-8s|%x|%q\n' 42 left 255 'needs quotes'
echo {1..5} {a..e..2} x{1,2}y; shopt -s extglob nullglob globstar
mkdir -p deep/er; touch deep/a.txt deep/er/b.txt; echo **/*.txt !(deep) none*
while IFS=, read -r a b; do echo "$b-$a"; done <<<$'1,2\n3,4'
exec 5<>scratch; echo written >&5; exec 5>&-; cat scratch
mapfile -t lines < <(seq 3); echo "${lines[2]}"
echo "$BASH_SUBSHELL $(echo $BASH_SUBSHELL) $SHLVL $- $0"
set -o pipefail; false | true; echo "pipefail $? ${PIPESTATUS[*]}"
echo out >/dev/stdout; echo err >/dev/stderr; echo tty 2>/dev/null >/dev/tty || echo "no terminal"
time -p true 2>/dev/null; echo "${BASH_VERSION%%(*}"; type -t cd ls parts
getopts ab: opt -b value && echo "$opt $OPTARG"; select x in; do :; done; echo "$(< scratch)"; ulimit -n; umask
