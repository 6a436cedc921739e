"""Certificates for tests, made by the openssl program."""
import subprocess

from programs import expect_equal


class Certificates:
    """NAME.pem and NAME.key in the bench's folder."""

    def __init__(self, bench):
        self.folder = bench.path("certificates")
        self.folder.mkdir()
        self.make("ca", by=None)
        self.make("server", names="DNS:auctioneer.service.cf.internal,IP:127.0.0.1", usage="serverAuth")
        self.make("client", usage="clientAuth")
        self.make("stranger", by=None)

    def __call__(self, name):
        return str(self.folder / name)

    def openssl(self, *argv):
        done = subprocess.run(["openssl", *argv], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        expect_equal(done.returncode, 0, f"openssl {' '.join(argv)}: {done.stderr}")

    def make(self, name, names="", usage="", by="ca", days="2"):
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                     f"/CN={name}")
        lines = ["basicConstraints=CA:" + ("FALSE" if by else "TRUE")]
        lines += [f"subjectAltName={names}"] if names else []
        lines += [f"extendedKeyUsage={usage}"] if usage else []
        (self.folder / f"{name}.ext").write_text("\n".join(lines) + "\n")
        signer = ["-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial"] if by else ["-signkey", f"{name}.key"]
        self.openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", days, "-extfile", f"{name}.ext", "-out",
                     f"{name}.pem")

    def replace(self, name, by):
        """As a tool for renewing does: another file under the same name."""
        fresh = self.folder / f"{name}.new"
        fresh.write_bytes((self.folder / by).read_bytes())
        fresh.rename(self.folder / name)
