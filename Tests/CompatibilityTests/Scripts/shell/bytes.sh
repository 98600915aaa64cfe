# od, hexdump, base64, cmp, checksums and compressors over all byte values.
set -e
for n in $(seq 0 255); do printf "\\x$(printf %x $n)"; done >all; wc -c <all
od -Ax -tx1z all | head -3; od -An -td2 -N8 all; base64 all | head -2; base64 all | base64 -d | cmp - all && base32 all | tail -1
command -v xxd >/dev/null && { xxd all | tail -2; xxd -p all | xxd -r -p | cmp - all; }; command -v hexdump >/dev/null && hexdump -C all | tail -2
cat all all >twice; cmp all twice || echo "status $?"; cmp -l all <(tr '\001' '\002' <all) || echo "status $?"; tac -s b -r <<<abcb; tail -c 3 all | od -An -tu1
for tool in md5sum sha1sum sha224sum sha256sum sha512sum b2sum cksum sum; do $tool all | cut -d' ' -f1; done; sha256sum all twice >sums; sha256sum -c sums
for tool in gzip bzip2 xz zstd; do n=; [ $tool = gzip ] && n=-n; command -v $tool >/dev/null && { $tool $n -9 -kc <twice >all.$tool 2>/dev/null; $tool -dc <all.$tool | cmp - twice; ls -s all.$tool | wc -l; }; done
head -c 5000000 /dev/zero | gzip -n | wc -c; printf 'x%.0s' {1..5000} | xz -T2 | xz -d | wc -c; gzip -n all; zcat all.gz | cksum; gzip -l all.gz | wc -l; zgrep -c . all.gz || true
command -v zip >/dev/null && { TZ=UTC touch -d 2024-01-01 twice sums; TZ=UTC zip -qX archive.zip twice sums && unzip -t archive.zip | tail -1; }; iconv -f latin1 -t utf-8 twice | wc -c
