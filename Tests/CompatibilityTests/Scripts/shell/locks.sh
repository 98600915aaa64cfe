# flock, mkfifo, mktemp, inotify-free waiting, noclobber, shared descriptors: how scripts keep out of each other's way.
set -e
for n in 1 2 3 4 5 6 7 8; do
    (flock 9; value=$(cat counter 2>/dev/null || echo 0); sleep 0.01; echo $((value + 1)) >counter) 9>lock &
done; wait; cat counter
(flock 8; echo held >holding; exec sleep 30) 8>busy & holder=$!; until [ -s holding ]; do sleep 0.01; done
flock -n busy true || echo "busy: $?"; flock -w 0.05 busy true || echo "waited: $?"; kill $holder; wait $holder || true
flock busy echo "free again"
mkfifo pipe; (echo "through the pipe" >pipe &); read -r line <pipe; echo "$line"
mkfifo back; (while read -r n; do echo $((n * n)); done <pipe >back &) ; exec 4>pipe 5<back
for n in 3 5 7; do echo $n >&4; read -r square <&5; echo $square; done; exec 4>&- 5<&-
set -C; echo first >once; (echo second >once) 2>/dev/null || echo "kept: $(cat once)"; mkdir directory-lock; mkdir directory-lock 2>/dev/null || echo locked
file=$(mktemp); echo "${file%/*} $(stat -c %a $file)"; rm $file; file=$(mktemp -p . --suffix=.txt); [ -s $file ] || echo empty; rm $file
exec 6>shared; (echo from child >&6); echo from parent >&6; exec 6>&-; cat shared; ln -s pid:host symlink-lock && ! ln -s x symlink-lock 2>/dev/null && echo held
