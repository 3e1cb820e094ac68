//! The api role: REST, sign-in and the API's description.
//!
//! [`router`] gives all routes under `/api`; whoever serves them (the gateway) adds the client's address to
//! each request. Live state is read from the bus, records and settings from the store, and what is to be
//! done with a call is ordered from the switch.
//! Every route is described in `/api/openapi.json`; every error is `application/problem+json` (RFC 9457).
//! This crate opens no socket, speaks no SIP, and decides nothing about calls.
//!
//! The central types are [`ApiState`], what the handlers work with, and the `Problem` they answer with.

mod agents;
mod auth;
mod calls;
mod conferences;
mod config;
mod context;
mod csv;
mod dashboard;
mod docs;
mod events;
mod exports;
mod extensions;
mod extract;
mod forks;
mod health;
mod menu_description;
mod menus;
mod merge;
mod moment;
mod notes;
mod page;
mod problem;
mod queue_audit;
mod queues;
mod ratings;
mod recording_audio;
mod recording_orders;
mod recordings;
mod registrations;
mod routes;
mod services;
mod session;
mod settings;
mod supervise;
mod system;
mod target;
mod throttle;
mod token;
mod users;
mod validate;
mod voicemails;
mod webhooks;

pub use config::{Config, WebhookConfig};
pub use context::{ApiState, Check, Checks, Parts};
pub use routes::{openapi, router};
pub use token::sign_in_locally;
pub use webhooks::deliver_webhooks;
