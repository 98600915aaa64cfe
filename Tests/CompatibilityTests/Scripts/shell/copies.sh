# cp -a, mv, install, ln, rsync, dd, truncate, fallocate: links, times, modes and holes survive.
set -e
mkdir -p from/sub; echo one >from/a; ln from/a from/b; ln -s a from/l; printf '%1000000s' >from/sub/big; truncate -s 3M from/hole
chmod 600 from/a; chmod 750 from/sub; touch -d '2020-02-02 02:02:02.123456789 UTC' from/a from/sub/big
cp -a from to; stat -c '%a %h %s %y' to/a to/sub/big; stat -c '%a %h %s %N' to/l; cp --reflink=auto --sparse=always from/hole hole; stat -c '%s %b' hole
cp -rL from followed; stat -c %F followed/l; cp -u from/a to/a && cp -b from/a to/a && ls to; cp -p from/a kept; cp -n from/b kept; cmp from/a kept
mv to/sub moved; mv -n from/a from/b 2>/dev/null || true; mv -T moved renamed; ls from renamed
install -m 711 -D from/b bin/tool; install -d -m 700 private; stat -c '%a %n' bin/tool private
ln -sfn from link; ln -sr bin/tool relative; readlink link relative; realpath relative; readlink -f link/b; unlink link
dd if=/dev/zero of=zeros bs=4k count=256 conv=fsync 2>/dev/null; dd if=zeros bs=1M 2>/dev/null | wc -c
dd if=/dev/urandom of=/dev/null bs=1M count=4 2>&1 | head -2; head -c 3 /dev/full | od -An -tx1; echo x >/dev/full || echo "full: $?"
fallocate -l 1M allocated; fallocate -p -o 0 -l 512K allocated && stat -c '%s' allocated; truncate -s -100 allocated; stat -c %s allocated
split -b 300K zeros z-; cat z-* | cmp - zeros && ls z-*; sync zeros; shred -n 1 -u z-aa; ls z-a*
mkdir -p x/y/z && rmdir -p x/y/z; mktemp -d ./made-XXXXXX | wc -c; rmdir made-*; rm -rf followed; test ! -e followed && echo removed
touch -r from/a touched; test from/a -ef from/b && echo same; test touched -nt hole || echo older; ls -A; chmod -R u=rwX,go=rX from; find from -printf '%m %p\n' | sort
rsync -aHO from/ synced/; rsync -ainO --delete from/ synced/; echo new >from/new; rsync -aiO from/ synced/
