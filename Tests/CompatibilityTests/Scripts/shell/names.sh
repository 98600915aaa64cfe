# Odd names: spaces, newlines, quotes, dashes, Unicode in two forms, bytes that are no text, 255 bytes, 40 levels deep.
set -e
touch 'a b' $'new\nline' $'tab\there' "quo'te" 'dou"ble' -- -dash .hidden 'star*' '?' 'back\slash' 'é' $'e\xcc\x81' '日本語' '🦊' $'\xff\xfe' ' ' $'\x01'
ls -1b | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | tr '\0' '|' | od -An -c | head -20; rm -- -dash './star*'; ls | wc -l
long=$(printf 'x%.0s' $(seq 255)); echo long >$long; cat $long; (echo y >${long}y) 2>&1 | grep -o 'File name too long'
deep=.; for n in $(seq 40); do deep=$deep/level-number-$n; done; mkdir -p $deep; echo bottom >$deep/file; cat $deep/file; find . -name file | awk '{ print length }'
(for n in $(seq 60); do mkdir a-directory-with-a-rather-long-name-to-get-beyond-the-limit-of-a-path-$n; cd a-directory*; done; pwd | wc -c; echo there >end; cat end)
mkdir 'dir with space'; (cd 'dir with space'; pwd; python3 -c 'import os; print(os.getcwd(), sorted(os.listdir("..")) != [])'); python3 -c 'import os; print(sorted(os.listdir(b"."))[:6])'
for f in *; do if [ -f "$f" ] && [ ${#f} -lt 200 ]; then mv -- "$f" "$f.moved"; fi; done; ls -1b | LC_ALL=C sort | head -5; tar -cf - . 2>/dev/null | tar -tf - | wc -l; mkdir case CASE Case; ls -d [cC]* | LC_ALL=C sort
