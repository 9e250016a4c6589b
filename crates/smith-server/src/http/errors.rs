//! The pages of the error codes, which problems lead to: `/v1/errors/S0401`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use smith_api::Page;

use super::answer::Answer;
use super::fault::Fault;
use super::take::Part;
use crate::config::nearest;

macro_rules! pages {
    ($($code:ident)*) => {
        &[$((stringify!($code), include_str!(concat!("../../../../docs/errors/", stringify!($code), ".md")))),*]
    };
}

/// All pages of `docs/errors`, in order. A test compares this list with the folder.
pub(super) const PAGES: &[(&str, &str)] = pages! {
    S0101 S0102 S0103 S0104 S0105 S0106
    S0110 S0111 S0112 S0113
    S0120
    S0130
    S0140 S0141 S0142 S0143 S0144 S0145 S0146 S0147 S0148
    S0201 S0202 S0203 S0204 S0205 S0206 S0207 S0208 S0209
    S0210 S0211 S0212 S0213 S0214 S0215 S0216 S0217 S0218 S0219
    S0220 S0221 S0222 S0223 S0224 S0225
    S0230 S0231 S0232
    S0301 S0302 S0303 S0304 S0305 S0306 S0307 S0308 S0309
    S0310 S0311 S0312 S0313 S0314 S0315 S0316 S0317 S0318
    S0320 S0321 S0322 S0323
    S0330 S0331 S0332 S0333 S0334 S0335 S0336
    S0340 S0341 S0342 S0343 S0344 S0345 S0346 S0347 S0348 S0349
    S0350 S0351 S0352
    S0360 S0361
    S0370 S0371 S0372 S0373 S0374 S0375 S0376 S0377 S0378
    S0380 S0381 S0382 S0383 S0384
    S0401 S0402 S0403 S0404 S0405 S0406 S0407 S0408 S0409
    S0410 S0411 S0412 S0413 S0414 S0415 S0416 S0417 S0418 S0419
    S0420 S0421 S0422 S0423 S0424 S0425 S0426 S0427 S0428 S0429
    S0430 S0431 S0432 S0433 S0434 S0435 S0436 S0437 S0440
    S0445 S0450 S0451 S0452 S0456
};

/// All error codes with their pages, in order.
pub fn error_pages() -> &'static [(&'static str, &'static str)] {
    PAGES
}

/// What an error code means, in a few words: the title of its page.
pub(super) fn title(code: &str) -> &'static str {
    page(code).and_then(|page| page.lines().next()?.split_once(": ")).map_or("", |(_, title)| title)
}

fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}

/// An error code and what it means.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ErrorCode {
    code: &'static str,
    title: &'static str,
}

pub(super) async fn list() -> Answer<Page<ErrorCode>> {
    let items = PAGES.iter().map(|(code, _)| ErrorCode { code, title: title(code) }).collect();
    Ok(axum::Json(Page { items, next: None }))
}

pub(super) async fn show(Part(code): Part<String>) -> Result<Response, Fault> {
    let Some(page) = page(&code) else {
        let text = format!("expected an error code, found {code:?}");
        let near = nearest(&code, PAGES.iter().map(|(code, _)| *code));
        let fault = Fault::new(StatusCode::NOT_FOUND, "S0420", text);
        return Err(near.map_or(fault.clone(), |near| fault.with_hint(format!("did you mean {near}?"))));
    };
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], page).into_response())
}
