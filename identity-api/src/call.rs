//! A request as it arrived: what the client sent, from where, and what it shows of itself.

use crate::place::{Place, Places};
use crate::secret::Sort;
use axum::body::Bytes;
use axum::http::header::{COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName};
use platform::Problem;
use platform::http::ClientAddress;
use platform::request_log::RequestLog;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// By which an app shows its device; a browser has a cookie.
pub const DEVICE: HeaderName = HeaderName::from_static("sillage-device");
/// The cookie that holds a refresh token.
pub const REFRESH_COOKIE: &str = "__Secure-sillage_refresh";
/// The cookie that holds a device's secret.
pub const DEVICE_COOKIE: &str = "__Secure-sillage_device";

/// Characters of a user agent that are kept.
const USER_AGENT_CHARS: usize = 300;

/// One request.
pub(crate) struct Call {
    pub(crate) headers: HeaderMap,
    pub(crate) address: ClientAddress,
    pub(crate) log: RequestLog,
    pub(crate) body: Bytes,
    /// The id in the path, where the route has one.
    pub(crate) target: Option<Uuid>,
}

impl Call {
    /// The JSON body.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        platform::json::parse(&self.headers, &self.body)
    }

    /// The JSON body, or what it is without one.
    pub(crate) fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.body() }
    }

    /// The secret of the device that the client shows.
    pub(crate) fn device(&self) -> Option<&str> {
        let header = self.headers.get(DEVICE).and_then(|value| value.to_str().ok());
        header.or_else(|| self.cookie(DEVICE_COOKIE)).filter(|secret| Sort::Device.fits(secret))
    }

    /// The device as it is known to accounts.
    pub(crate) fn device_place(&self) -> Option<Place> {
        self.device().map(Place::device)
    }

    /// The refresh token of a browser.
    pub(crate) fn refresh_cookie(&self) -> Option<&str> {
        self.cookie(REFRESH_COOKIE)
    }

    /// The first cookie of this name. Browsers send the one with the longest path first.
    fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// What the client calls itself, cut off where it is endless; empty where it says nothing.
    pub(crate) fn user_agent(&self) -> String {
        let text = self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.chars().take(USER_AGENT_CHARS).collect()
    }

    /// By what this client is told from others: its device if it shows one, else what it calls itself and where it is.
    pub(crate) fn bindings(&self, places: &Places) -> Vec<Vec<u8>> {
        let device = self.device_place().map(|place| place.as_bytes().to_vec());
        let network = places.network(self.address.network());
        let around = places.bucket("client", &[self.user_agent().as_bytes(), network.as_bytes()]);
        device.into_iter().chain([around]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::FromRequestParts as _;
    use axum::http::{HeaderValue, Request};
    use std::net::{IpAddr, Ipv4Addr};

    async fn call(headers: &[(HeaderName, &'static str)]) -> Call {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let (mut parts, ()) = Request::new(()).into_parts();
        let Ok(log) = RequestLog::from_request_parts(&mut parts, &()).await;
        let address = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Call { headers, address, log, body: Bytes::new(), target: None }
    }

    const SECRET: &str = "sld_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[tokio::test]
    async fn a_device_shows_itself_in_a_header_or_a_cookie() {
        assert_eq!(call(&[(DEVICE, SECRET)]).await.device(), Some(SECRET));
        let cookie = "a=b; __Secure-sillage_device=sld_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA;c=d";
        assert_eq!(call(&[(COOKIE, cookie)]).await.device(), Some(SECRET));
        for none in ["", "sld_", "slr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(call(&[(DEVICE, none)]).await.device(), None);
        }
        assert_eq!(
            call(&[(COOKIE, "x__Secure-sillage_device=1; __Secure-sillage_refresh")]).await.refresh_cookie(),
            None
        );
    }

    #[tokio::test]
    async fn clients_are_told_apart() {
        let places = Places::new(&[1; 32]);
        let bindings = async |headers: &[(HeaderName, &'static str)]| call(headers).await.bindings(&places);
        let one = bindings(&[(USER_AGENT, "a")]).await;
        assert_eq!(one, bindings(&[(USER_AGENT, "a")]).await);
        assert_ne!(one, bindings(&[(USER_AGENT, "b")]).await);
        let both = bindings(&[(USER_AGENT, "a"), (DEVICE, SECRET)]).await;
        assert_eq!((both.len(), &both[1]), (2, &one[0]));
    }
}
