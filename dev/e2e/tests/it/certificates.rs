//! Certificates of authorities that the tests make themselves.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Writes `AUTHORITY.crt`, and for each name `NAME.crt` and `NAME.key` of a certificate
/// for 127.0.0.1 that the authority has issued.
pub(crate) fn write(folder: &Path, authority: &str, names: &[&str]) {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, authority);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let write = |name: String, text: String| {
        std::fs::write(folder.join(name), text).expect("a writable folder");
    };
    write(format!("{authority}.crt"), issuer.pem());
    for name in names {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        write(format!("{name}.crt"), certificate.pem());
        write(format!("{name}.key"), key.serialize_pem());
    }
}
