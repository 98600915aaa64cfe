# tar with links, holes and permissions, through every compressor; incremental, appended, compared, extracted in part.
set -e
mkdir -p source/empty source/deep/er; cd source
echo text >plain; ln plain hard; ln -s plain soft; ln -s /nowhere dangling; mkfifo fifo; chmod 4 plain; chmod 640 plain
truncate -s 5M sparse; printf end | dd of=sparse bs=1 seek=3000000 conv=notrunc status=none
printf '#!/bin/sh\necho ran\n' >script; chmod 755 script; chmod 1777 empty; echo ü >'ünï cödé'; head -c 300000 /dev/zero | tr '\0' x >deep/er/big
touch -d '2024-01-02 03:04:05 UTC' plain script soft -h deep/er/big; cd ..
options="--sort=name --mtime=2024-01-01T00:00:00Z --format=gnu --sparse --numeric-owner"
tar $options -cf a.tar source; tar $options -czf a.tgz source; tar $options -cJf a.txz source; tar $options -cjf a.tbz source
command -v zstd >/dev/null && tar $options --zstd -cf a.tzst source
for file in a.t*; do tar -tf $file | wc -l; done
tar -tvf a.tar --numeric-owner | awk '{ print $1, $2, $6, $7, $8 }'
mkdir out; tar -xpf a.txz -C out; diff -r --no-dereference source out/source && echo identical
out/source/script; stat -c '%a %h %F' out/source/*; stat -c '%b' out/source/sparse | awk '{ print ($1 < 2000) }'
tar -df a.tar && echo "no difference"; echo changed >source/plain; tar -df a.tar || echo "status $?"
echo more >more; touch -d 2024-01-01 more; tar --numeric-owner -rf a.tar more; tar --delete -f a.tar source/sparse; tar -tf a.tar | tail -2
tar -xOf a.tgz source/script; tar -cf - source | (mkdir piped && cd piped && tar -xf -); ls piped/source
tar --listed-incremental=snapshot -cf level0.tar source; echo new >source/new; tar --listed-incremental=snapshot -cf level1.tar source
tar -tf level1.tar | grep -c new; tar -xf a.tgz --strip-components=2 --wildcards '*/er/big' && ls er; rm snapshot level*.tar
