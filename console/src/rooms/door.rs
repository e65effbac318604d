//! Getting in and out, and how somebody likes the console.

use super::Who;
use crate::Console;
use crate::api::Refused;
use crate::form::{Form, page_of_ours};
use crate::page::{LANGUAGE, Page, THEME, Visit, html, on};
use crate::session::{Session, preference};
use crate::texts;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Response, StatusCode};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// The account asks for a code as well.
const CODE_ASKED: [&str; 2] = ["second_factor_required", "second_factor_wrong"];

#[derive(askama::Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    page: Page,
    to: String,
    email: String,
    asks_for_code: bool,
}

fn form(visit: &Visit, to: &str, email: &str, refused: Option<Refused>) -> Response<Body> {
    let status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.status);
    let asks_for_code = refused.as_ref().is_some_and(|refused| CODE_ASKED.contains(&&*refused.code));
    let page = Page { refused: refused.map(|refused| in_words(visit, refused)), ..visit.page(visit.t().sign_in) };
    html(status, &SignIn { page, to: page_of_ours(Some(to)), email: email.to_owned(), asks_for_code })
}

/// What everybody may run into is told in his language.
fn in_words(visit: &Visit, refused: Refused) -> Refused {
    let t = visit.t();
    let text = match &*refused.code {
        "sign_in_failed" | "validation_failed" => t.sign_in_failed,
        "second_factor_required" => t.second_factor_asked,
        "second_factor_wrong" => t.second_factor_wrong,
        "too_many_tries" => t.too_many_tries,
        _ => return refused,
    };
    Refused::told(refused.status, text)
}

pub(super) async fn page(Extension(visit): Who, Query(query): Query<HashMap<String, String>>) -> Response<Body> {
    form(&visit, query.get("to").map(String::as_str).unwrap_or_default(), "", None)
}

pub(super) async fn enter(State(console): State<Arc<Console>>, Extension(visit): Who, body: Body) -> Response<Body> {
    let fields = match Form::read(body).await {
        Ok(fields) => fields,
        Err(refused) => return visit.refusal(refused),
    };
    let (to, email) = (fields.text("to"), fields.text("email").trim());
    let mut given = json!({ "email": email, "password": fields.text("password") });
    if let Some(code) = fields.filled("totp_code") {
        given["totp_code"] = code.replace(' ', "").into();
    }
    match Session::begin(&console, &visit.caller, &given).await {
        Ok(session) => with_cookies(on(&page_of_ours(Some(to))), session.cookies),
        Err(refused) => form(&visit, to, email, Some(refused)),
    }
}

pub(super) async fn leave(State(console): State<Arc<Console>>, Extension(visit): Who) -> Response<Body> {
    match Session::end(&console, &visit.caller).await {
        Ok(cookies) => with_cookies(on("/console/sign-in"), cookies),
        Err(refused) => visit.refusal(refused),
    }
}

pub(super) async fn settings(Extension(visit): Who, body: Body) -> Response<Body> {
    let fields = match Form::read(body).await {
        Ok(fields) => fields,
        Err(refused) => return visit.refusal(refused),
    };
    let mut cookies = Vec::new();
    if let Some(language) = texts::language(fields.filled("language")) {
        cookies.push(preference(LANGUAGE, texts::of(language).code));
    }
    if let theme @ ("light" | "dark") = fields.text("theme") {
        cookies.push(preference(THEME, theme));
    }
    with_cookies(on(&page_of_ours(fields.filled("to"))), cookies)
}

fn with_cookies(mut response: Response<Body>, cookies: Vec<axum::http::HeaderValue>) -> Response<Body> {
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
