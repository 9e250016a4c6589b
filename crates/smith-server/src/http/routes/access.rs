//! Tokens.

use axum::extract::State;
use axum::http::StatusCode;
use smith_api::{NewToken, Page, Reasoned, Token, TokenMade};

use super::super::answer::{Answer, DONE, Done, Made, whole};
use super::super::app::App;
use super::super::describe::{Api, Operation};
use super::super::fault::Fault;
use super::super::take::{Asked, Part, Who};
use super::fleet::reason;

pub(super) fn add(api: Api) -> Api {
    let op = |id, summary| Operation::new("tokens", id, summary);
    api.get("/v1/tokens", list, op("listTokens", "Lists tokens, without their secrets.").page::<Token>())
        .post_without_key(
            "/v1/tokens",
            issue,
            op("issueToken", "Issues a token and shows its secret for the only time; not under a key.")
                .body::<NewToken>()
                .made::<TokenMade>(),
        )
        .post(
            "/v1/tokens/{id}/revoke",
            revoke,
            op("revokeToken", "Revokes a token.").number("id", "The token.").reasoned::<Reasoned>().done(),
        )
}

async fn list(State(app): State<App>, Who(caller): Who) -> Answer<Page<Token>> {
    Ok(whole(app.site().tokens(&caller)?))
}

async fn issue(State(app): State<App>, asked: Asked<NewToken>) -> Result<Made<TokenMade>, Fault> {
    if asked.caller.key.is_some() {
        // A key promises the first answer again, and the secret is kept nowhere.
        let text = "expected no `Idempotency-Key` where a token is issued, found one";
        return Err(Fault::new(StatusCode::BAD_REQUEST, "S0426", text)
            .with_hint("a token that nobody has got the secret of is revoked"));
    }
    let what = app.site().issue_token(&asked.caller, &asked.body).await?;
    Ok(Made { at: "/v1/tokens".to_owned(), what })
}

async fn revoke(State(app): State<App>, Part(id): Part<u32>, asked: Asked<Reasoned>) -> Done {
    let reason = reason(&asked.body)?;
    app.site().revoke_token(&asked.caller, id, reason).await?;
    Ok(DONE)
}
