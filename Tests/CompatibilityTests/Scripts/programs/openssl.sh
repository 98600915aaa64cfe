# The openssl program: keys, certificates, signatures, encryption, a chain verified; keys differ each time.
set -e
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem 2>/dev/null || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
openssl req -x509 -new -key key.pem -subj /CN=test -days 30 -out root.pem; openssl x509 -in root.pem -noout -subject -issuer
openssl req -new -newkey rsa:2048 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr 2>/dev/null; openssl x509 -req -in leaf.csr -CA root.pem -CAkey key.pem -CAcreateserial -out leaf.pem -days 9 2>/dev/null; openssl verify -CAfile root.pem leaf.pem
echo secret >plain; openssl dgst -sha256 -sign key.pem -out signature plain; openssl dgst -sha256 -verify <(openssl pkey -in key.pem -pubout) -signature signature plain
openssl enc -aes-256-cbc -pbkdf2 -pass pass:word -S 0011223344556677 -in plain -out sealed; openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:word -S 0011223344556677 -in sealed; openssl dgst -sha3-512 plain; openssl rand -hex 8 | wc -c; openssl version; openssl prime -generate -bits 64 | wc -l
