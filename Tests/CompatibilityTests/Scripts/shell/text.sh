# Text tools over 10,000 files: find, grep, sed, awk, sort, uniq, cut, join, comm, tr, xargs.
set -e
export LC_ALL=C.UTF-8
mkdir -p tree/{0..9}/{0..9}
awk 'BEGIN { for (n = 0; n < 10000; n++) { f = sprintf("tree/%d/%d/f%d.%s", n % 10, int(n / 10) % 10, n, n % 2 ? "c" : "h");
    for (l = 0; l < n % 5 + 1; l++) print "line", l, "of", n, (n % 97 ? "" : "TODO") > f; close(f) } }'
find tree -type f | wc -l
find tree -name '*.c' -size -1k -o -newer tree/0/0/f0.h -name 'f99*' | sort | md5sum
grep -rl TODO tree | sort | head -3; grep -rc TODO tree | awk -F: '{ s += $2 } END { print s }'
grep -rhoE 'of [0-9]+5 ' tree | sort | uniq -c | sort -k1,1nr -k3,3n | head -3
find tree -type f -print0 | xargs -0 cat | tr ' ' '\n' | sort | uniq -c | sort -rn | head -4
find tree -type f -name '*.h' -print0 | sort -z | xargs -0 -P 4 -n 500 sha1sum | sort | sha1sum
find tree -name 'f[0-2]*.h' -exec sed -i 's/line \([0-9]*\)/LINE-\1/; /LINE-3/d' {} +
cat tree/3/2/f4*.h tree/4/2/f24.h 2>/dev/null | head -4; cat tree/*/*/f*.c | awk '{ n[$2]++ } END { for (k in n) print k, n[k] }' | sort
seq 200000 | sort -R --random-source=/etc/passwd | wc -l; seq 300000 | sort -rn --parallel=2 -S 2M | md5sum
seq 1 3 | paste -sd, ; seq 10 | split -l 4 - part-; ls part-*; seq 5 | sed -n '2,4p;$!{h;G}' | tail -2
join <(printf '1 a\n2 b\n') <(printf '1 x\n2 y\n'); comm -12 <(seq 5) <(seq 3 8); printf 'b\na\nb\n' | sort -u
printf 'a:b:c\n' | cut -d: -f2-; echo hello | rev; seq 3 | tac; printf 'x\ty\n' | expand; echo "long line of text" | fold -w 6
printf 'größe\n' | tr 'a-z' 'A-Z'; printf 'größe\n' | wc -m; printf 'ä\nz\na\n' | sort; numfmt --to=iec 1234567; factor 1001
printf 'a b\nb c\n' | tsort; nl -ba tree/0/0/f0.h; od -An -c tree/0/0/f0.h | head -2; csplit -s -f cs- part-aa 3; wc -l cs-* part-ab
shuf -i 1-5 --random-source=<(yes) | wc -l; pr -t -2 part-aa; fmt -w 20 <<<"some words that need to be wrapped here"; strings -n 6 /bin/true | head -1
find tree -depth -empty -delete; find tree -mindepth 3 -name 'f*[02468].h' -delete; find tree -type f | wc -l
find . -maxdepth 1 -printf '%y %m %f\n' | sort; du -s --apparent-size --inodes tree | cut -f1
ls -1 tree/1/1 | head -3; ls -d tree/*/ | head -2; grep -nE '^(LINE|line)' tree/1/0/f1.c; egrep -v x part-aa 2>/dev/null | tail -1
