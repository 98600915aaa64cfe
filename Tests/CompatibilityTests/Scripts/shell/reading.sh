# Looking around in a workspace without changing it.
head -2 reading.sh; wc reading.sh; grep -n set reading.sh; sha256sum reading.sh; find . -type f; ls; awk 'NR == 1' reading.sh; sort reading.sh | head -1
python3 -c 'import ast, sys; print(len(open("reading.sh").read()))'; git diff --no-index --stat /dev/null reading.sh; cp reading.sh /tmp/x && sed -i s/a/b/ /tmp/x && cmp reading.sh /tmp/x; tar -cf /tmp/a.tar . && tar -tf /tmp/a.tar
