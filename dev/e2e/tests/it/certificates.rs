//! Certificate authorities and certificates for tests.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Writes `CA.crt`, and for each name `NAME.crt` and `NAME.key` of a certificate
/// for 127.0.0.1 that the CA has issued.
pub(crate) fn write(folder: &Path, ca: &str, names: &[&str]) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, ca);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a CA");
    let write = |name: String, text: String| {
        std::fs::write(folder.join(name), text).expect("a writable folder");
    };
    write(format!("{ca}.crt"), issuer.pem());
    for name in names {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        write(format!("{name}.crt"), certificate.pem());
        write(format!("{name}.key"), key.serialize_pem());
    }
}
