"""ssl and hashlib without a network: contexts, certificates of the host, a handshake in memory, digests, keys."""
import hashlib
import hmac
import secrets
import ssl

print(ssl.OPENSSL_VERSION, ssl.HAS_TLSv1_3)
context = ssl.create_default_context()
print("verify", context.verify_mode, context.check_hostname, context.minimum_version)
context.load_verify_locations("/etc/ssl/certs/ca-certificates.crt")
print("authorities", len(context.get_ca_certs()) > 10, context.cert_store_stats()["x509_ca"] > 10)
print("paths", ssl.get_default_verify_paths())
pem = open("/etc/ssl/certs/ca-certificates.crt").read()
first = pem[:pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
der = ssl.PEM_cert_to_DER_cert(first)
print("certificate", hashlib.sha256(der).hexdigest(), ssl.DER_cert_to_PEM_cert(der).strip() == first.strip())


def anonymous(side):
    result = ssl.SSLContext(side)
    result.check_hostname = False
    result.verify_mode = ssl.CERT_NONE
    result.maximum_version = ssl.TLSVersion.TLSv1_2
    result.set_ciphers("aNULL:@SECLEVEL=0")
    return result


to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
client = anonymous(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(to_client, to_server)
server = anonymous(ssl.PROTOCOL_TLS_SERVER).wrap_bio(to_server, to_client, server_side=True)
done = set()
for _ in range(10):
    for name, end in (("client", client), ("server", server)):
        try:
            end.do_handshake()
            done.add(name)
        except ssl.SSLWantReadError:
            pass
print("handshake", sorted(done), client.cipher())
client.write(b"over TLS")
print("received", server.read(100))
for name in sorted(hashlib.algorithms_guaranteed):
    digest = hashlib.new(name, b"text")
    print(name, digest.hexdigest(16) if name.startswith("shake") else digest.hexdigest())
print("hmac", hmac.new(b"key", b"text", "sha256").hexdigest())
print("pbkdf2", hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 10000).hex())
print("scrypt", hashlib.scrypt(b"password", salt=b"salt", n=1024, r=8, p=1).hex())
print("random", len(secrets.token_bytes(32)), len(ssl.RAND_bytes(16)))
