# vim without a screen, ed, file, m4-like work: editors driven by scripts.
seq 5 >text; vim -u NONE -es -c '%s/3/three/' -c 'normal Goappended' -c 'wq' text </dev/null; echo "status $?"; cat text; printf '1,2d\nw\nq\n' | ed -s text; cat text
