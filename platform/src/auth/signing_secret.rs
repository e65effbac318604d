//! Secrets by which others know that a call comes from us, as the Standard Webhooks specification has them: derived from what
//! they are for, so that they are stored nowhere and can be shown again to nobody who does not know that.
//!
//! `whsec_` and 32 bytes in base64; a signature is `v1,` and HMAC-SHA256 over id, time and body, in base64.
//! See <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::TenantId;
use uuid::Uuid;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// Makes the secrets of an installation.
#[derive(Clone, Debug)]
pub struct SigningSecrets(hmac::Key);

impl SigningSecrets {
    /// By which label the key is derived from the installation's secret. Another label makes all secrets that are out useless.
    pub const LABEL: &'static str = "sillage signing secrets v1";

    /// A key that was derived under [`SigningSecrets::LABEL`].
    pub fn new(derived: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived))
    }

    /// The secret of this id, which `owner` has in a tenant. Always the same.
    pub fn of(&self, tenant_id: TenantId, owner: Uuid, secret_id: Uuid) -> SigningSecret {
        let mut context = hmac::Context::with_key(&self.0);
        for id in [tenant_id.0, owner, secret_id] {
            context.update(id.as_bytes());
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        SigningSecret(bytes)
    }
}

/// One secret. It prints nothing.
#[derive(Clone)]
pub struct SigningSecret([u8; 32]);

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(‹redacted›)")
    }
}

impl SigningSecret {
    /// As it is shown to whoever is to check signatures.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    /// The signature of a call: `v1,…`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(n: u128) -> SigningSecret {
        let id = Uuid::from_u128;
        SigningSecrets::new(&[7; 32]).of(TenantId(id(1)), id(2), id(n))
    }

    #[test]
    fn a_secret_is_always_the_same_and_of_one_id_alone() {
        assert_eq!(secret(3).expose(), secret(3).expose());
        assert_ne!(secret(3).expose(), secret(4).expose());
        assert!(secret(3).expose().starts_with("whsec_") && secret(3).expose().len() == 50);
        assert!(!format!("{:?}", secret(3)).contains(&secret(3).expose()[6..20]));
    }

    #[test]
    fn a_call_is_signed_as_the_specification_says() {
        // The example of the reference implementations.
        let mut bytes = [0; 32];
        bytes[..24].copy_from_slice(&STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        // HMAC pads a short key with zeros: the same signature as with the 24 bytes.
        let signature =
            SigningSecret(bytes).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
