# Files written into the workspace and executed there: scripts by every kind of first line, a copied program, links.
make() { printf '%s\n' "$2" "$3" >"$1"; chmod +x "$1"; }
make a.py '#!/usr/bin/env python3' 'import sys; print("python", sys.argv[0])'; ./a.py
make b.py '#!/usr/bin/python3 -I' 'print("isolated")'; ./b.py; make c.sh '#!/bin/sh' 'echo "sh $0 $#"'; ./c.sh one two
make d.bash '#!/usr/bin/env -S bash -u' 'echo "bash $-"'; ./d.bash; make e.pl '#!/usr/bin/perl -w' 'print "perl $0\n"'; ./e.pl
make f.awk '#!/usr/bin/awk -f' 'BEGIN { print "awk" }'; ./f.awk; make g.sed '#!/bin/sed -f' 's/a/b/'; echo a | ./g.sed; make h '' 'echo "no first line"'; ./h
make i '#!/no/such/interpreter' ''; ./i 2>&1; echo "status $?"; make j "#!$PWD/c.sh" ''; ./j; cp /bin/echo k; ./k copied; ln -s k l; ./l linked; ln k m; ./m "hard link"
mkdir bin; cp k bin/greet; PATH=$PWD/bin:$PATH; greet found; cp a.py /tmp/a.py; /tmp/a.py; cp k /dev/shm/k; /dev/shm/k "from shared memory"; chmod -x k; ./k 2>&1; echo "status $?"
echo 'echo sourced $1' >n; . ./n argument; bash n other; sh <n; python3 - <<<'print("from stdin")'; python3 -c 'print("from an argument")'; perl -e 'print "one line\n"'; /lib64/ld-linux-x86-64.so.2 ./m "by the loader" 2>/dev/null || true
echo 'print("module")' >module.py; touch -d @1000000000 module.py; python3 -m module; find . -name 'c.sh' -exec {} found \; ; xargs -I{} ./c.sh {} <<<"by xargs"; env ./c.sh; nice ./c.sh; (exec ./c.sh); command ./c.sh; timeout 20 ./c.sh; setsid -w ./c.sh; nohup ./c.sh 2>/dev/null
