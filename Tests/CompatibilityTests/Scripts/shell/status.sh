# stat, test, df, du, ls -l: what tools say about files.
umask 027; mkdir dir; echo 12345 >file; : >empty; ln -s file link; mkfifo fifo; chmod 705 file; touch -h -d @1700000000 file dir empty link fifo
stat -c '%n %a %A %F %s %h %u %g %Y %B %t %T' file link fifo dir empty | sed '/dir/s/ [0-9]* \([0-9]* [0-9]* [0-9]* 17\)/ N \1/'
for t in e f d L p r w x s S h O G; do for f in file dir link fifo empty none; do test -$t $f && printf '%s ' "$t:$f"; done; done; echo
ls -ln file link fifo | sed 's/[A-Z][a-z][a-z] .* \(file\|link\|fifo\)/T \1/'; ls -la | wc -l; ls -F; ls --color=always -d dir file | od -c | head -2
du -b file; df --output=target /tmp /dev/shm | tail -n +2; df -h . >/dev/null && echo "df works"; df -i . >/dev/null && echo inodes; stat -f -c '%T' /tmp /proc
file=$(command -v file) && $file -b file dir link fifo /bin/true 2>/dev/null | cut -c1-40; namei link | wc -l; getconf PAGE_SIZE NAME_MAX PATH_MAX ARG_MAX _NPROCESSORS_ONLN 2>/dev/null; getconf PAGE_SIZE
chmod u+s file 2>/dev/null; chmod +t dir; chmod g-w,o= file; stat -c %a dir; chmod 644 file; chown 1000:1000 file && echo chowned; chown 0 file 2>/dev/null || echo "not to root"; chgrp 1000 file && stat -c '%u %g' file
mkdir locked; echo x >locked/f; chmod 000 locked; ls locked 2>&1; cat locked/f 2>&1; chmod 700 locked; rm -r locked; cat dir 2>&1; cd none 2>&1; rm dir 2>&1; mkdir dir 2>&1; ./file 2>&1; ./dir 2>&1; nosuchcommand 2>&1; true
