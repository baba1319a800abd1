//! A Kinesis-compatible endpoint: the operations that producers, consumers and reshardings use, over HTTP.
//!
//! - Both protocols of the SDKs are spoken, JSON 1.1 and CBOR 1.1; an answer comes in the one that asked.
//! - It listens on loopback as a rule and checks no signature: any credentials will do.
//! - Limits of requests are Kinesis' own: 500 records and 5 MiB per put, 1 MiB per record, partition keys of 1 to 256
//!   characters. What a shard takes per second is limited only on request.
//! - [`wire`] has the messages, [`shapes`] what is in them, [`operations`] what they do; the stream itself is [`crate::stream`].
//!
//! Deliberately absent: consumers with enhanced fan-out, encryption, tags, deletion of a stream. Asked for, they are
//! refused by name.

pub mod operations;
pub mod shapes;
pub mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::ids::AttemptId;

use self::operations::Endpoint;
use self::wire::{Codec, ErrorBody, Refusal};

/// What a request may have: 5 MiB of data as base64, with the envelopes of 500 records.
const BODY_BYTES_MAX: usize = 8 << 20;
/// What stands before the name of an operation.
const TARGET: &str = "Kinesis_20131202.";

/// The routes of the endpoint.
pub fn router(endpoint: Arc<Endpoint>) -> Router {
    Router::new()
        .route("/_health", get(|| async { "ok\n" }))
        .fallback(any(handle))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(endpoint)
}

async fn handle(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let codec = match text("content-type") {
        kind if kind.starts_with(Codec::Cbor.content_type()) => Codec::Cbor,
        _ => Codec::Json,
    };
    let answer = match text("x-amz-target").strip_prefix(TARGET) {
        Some(operation) => endpoint.perform(operation, codec, &body).await,
        None => Err(Refusal::unknown_operation(format!(
            "the header x-amz-target names no operation of Kinesis: expected {TARGET}<operation>"
        ))),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = ErrorBody { kind: refusal.kind, message: &refusal.message };
            (status, codec.write(&body).unwrap_or_default())
        }
    };
    let id = AttemptId::fresh(&SystemHost).to_string();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(codec.content_type()));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
