# diff in its forms, patch forwards and backwards, with fuzz and with a reject; ed scripts, sdiff, cmp.
mkdir old new; seq 30 >old/numbers; sed '5s/$/ five/; 20d; 25a inserted' old/numbers >new/numbers; echo only >new/added; echo gone >old/removed
diff -u --label a --label b old/numbers new/numbers; diff -c --label a --label b old/numbers new/numbers | wc -l; diff -y -W 40 old/numbers new/numbers | head -6
diff -rq old new; diff -ruN old new | sed 's/\t.*//' >change; echo "status $?"; cp -R old work; patch -d work -p1 <change; diff -r work new && echo patched
patch -d work -R -p1 <change; diff -r work old && echo reverted; sed -i '1i a line before' work/numbers; patch -d work -p1 --no-backup-if-mismatch <change
sed -i 's/^4$/four/; s/^6$/six/; s/^5$/V/' old/numbers; patch -d old -p1 <change; echo "status $?"; ls old; head -5 old/numbers.rej
diff -e new/numbers work/numbers; diff3 -m work/numbers old/numbers new/numbers | head -4; diff --color=always <(echo a) <(echo b) | od -c | head -2; sdiff -s -w 30 <(seq 3) <(seq 2 4)
patch --dry-run -d work -p1 <change >/dev/null; echo "status $?"; command -v ed >/dev/null && printf '2d\n$a\nlast\n.\nw\nq\n' | ed -s new/numbers; tail -1 new/numbers
