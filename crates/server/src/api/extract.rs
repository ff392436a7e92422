//! Input of handlers, refused as problem details when it is not what was expected.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Problem, Result};

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that may be missing.
pub(crate) struct OptionalBody<T>(pub(crate) T);

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

/// One parameter of the path, read from its text.
pub(crate) struct Path<T>(pub(crate) T);

/// Two parameters of the path.
pub(crate) struct Path2<A, B>(pub(crate) A, pub(crate) B);

fn too_large(app: &App, rejection: JsonRejection) -> Problem {
    let problem = Problem::from(rejection);
    if problem.code().status == 413 { problem.with("limit_bytes", app.config.server.api_body_max.0) } else { problem }
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let read = <axum::Json<T> as FromRequest<App>>::from_request(request, app).await;
        read.map(|axum::Json(body)| Self(body)).map_err(|rejection| too_large(app, rejection))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let read = <axum::Json<T> as OptionalFromRequest<App>>::from_request(request, app).await;
        read.map(|body| Self(body.map(|axum::Json(body)| body).unwrap_or_default()))
            .map_err(|rejection| too_large(app, rejection))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let axum::extract::Query(query) = axum::extract::Query::from_request_parts(parts, app).await?;
        Ok(Self(query))
    }
}

/// What a path parameter can be: ids, names, numbers.
pub(crate) trait FromSegment: Sized {
    fn from_segment(text: String) -> Result<Self>;
}

impl FromSegment for String {
    fn from_segment(text: String) -> Result<Self> {
        Ok(text)
    }
}

impl FromSegment for u32 {
    fn from_segment(text: String) -> Result<Self> {
        text.parse().map_err(|_| Problem::bad_request(format!("`{}` is not a whole number.", shortened(&text))))
    }
}

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl FromSegment for hookmill_engine::id::$id {
            fn from_segment(text: String) -> Result<Self> {
                Ok(text.parse()?)
            }
        }
    )*};
}

ids!(RunId, DeliveryId, WorkflowId, HookId, KeyId, ReplayId, ContactId);

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

impl<T: FromSegment + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let axum::extract::Path(text) = axum::extract::Path::<String>::from_request_parts(parts, app).await?;
        T::from_segment(text).map(Self)
    }
}

impl<A: FromSegment + Send, B: FromSegment + Send> FromRequestParts<App> for Path2<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let axum::extract::Path((a, b)) = axum::extract::Path::<(String, String)>::from_request_parts(parts, app).await?;
        Ok(Self(A::from_segment(a)?, B::from_segment(b)?))
    }
}
