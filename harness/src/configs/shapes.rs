//! Specs and configs as destinations have them, cut down to what matters here.

use serde_json::{Value, json};

/// A working config and the spec that it fits.
pub struct Shape {
    pub config: Value,
    pub schema: Value,
}

/// A database with a tunnel before it.
pub fn database() -> Shape {
    let schema = json!({
        "type": "object",
        "required": ["host", "port", "username", "database"],
        "properties": {
            "host": {"type": "string"},
            "port": {"type": "integer", "minimum": 0, "maximum": 65536, "default": 5432},
            "username": {"type": "string"},
            "password": {"type": "string", "airbyte_secret": true},
            "database": {"type": "string", "minLength": 1},
            "ssl": {"type": "boolean"},
            "raw_data_schema": {"type": "string", "pattern": "^[a-z_]+$"},
            "cdc_deletion_mode": {"type": "string", "enum": ["Hard delete", "Soft delete"]},
            "tunnel_method": {"type": "object", "oneOf": [
                {"required": ["tunnel_method"], "properties": {
                    "tunnel_method": {"type": "string", "const": "NO_TUNNEL"}}},
                {"required": ["tunnel_method", "tunnel_host", "tunnel_port", "ssh_key"],
                 "properties": {
                    "tunnel_method": {"type": "string", "const": "SSH_KEY_AUTH"},
                    "tunnel_host": {"type": "string"},
                    "tunnel_port": {"type": "integer", "minimum": 0, "maximum": 65536},
                    "keep_alive": {"type": "boolean"},
                    "ssh_key": {"type": "string", "airbyte_secret": true}}},
            ]},
        },
    });
    let config = json!({
        "host": "db.example.com", "port": 5432, "username": "loader",
        "password": "correct horse", "database": "landing", "ssl": true,
        "raw_data_schema": "raw", "cdc_deletion_mode": "Hard delete",
        "tunnel_method": {
            "tunnel_method": "SSH_KEY_AUTH", "tunnel_host": "bastion.example.com",
            "tunnel_port": 22, "keep_alive": true,
            "ssh_key": "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END KEY-----\n",
        },
    });
    Shape { config, schema }
}

/// A warehouse with two ways to log in; its host has to be the vendor's.
pub fn warehouse() -> Shape {
    let schema = json!({
        "type": "object",
        "required": ["host", "warehouse", "credentials"],
        "properties": {
            "host": {"type": "string", "pattern": "^[a-z0-9-]+\\.vendor\\.example$"},
            "warehouse": {"type": "string"},
            "retention_days": {"type": "number", "exclusiveMinimum": 0.5, "maximum": 90},
            "credentials": {"oneOf": [
                {"type": "object", "required": ["auth_type", "client_id", "client_secret"],
                 "properties": {
                    "auth_type": {"type": "string", "const": "OAuth2.0"},
                    "client_id": {"type": "string"},
                    "client_secret": {"type": "string", "airbyte_secret": true},
                    "refresh_token": {"type": "string", "airbyte_secret": true}}},
                {"type": "object", "required": ["auth_type", "private_key"], "properties": {
                    "auth_type": {"type": "string", "const": "Key Pair"},
                    "private_key": {"type": "string", "airbyte_secret": true}}},
            ]},
        },
    });
    let config = json!({
        "host": "acme.vendor.example", "warehouse": "LOADING", "retention_days": 7.5,
        "credentials": {
            "auth_type": "OAuth2.0", "client_id": "acme", "client_secret": "s3cret-of-acme",
            "refresh_token": "r3fresh-of-acme",
        },
    });
    Shape { config, schema }
}

/// A file on the destination's own disk.
pub fn file() -> Shape {
    let schema = json!({
        "type": "object",
        "required": ["destination_path"],
        "properties": {
            "destination_path": {"type": "string"},
            "format": {"type": "object", "required": ["kind"], "properties": {
                "kind": {"type": "string", "enum": ["csv", "jsonl"]},
                "flattening": {"type": "boolean"}}},
        },
    });
    let config =
        json!({"destination_path": "/local/out.db", "format": {"kind": "csv", "flattening": true}});
    Shape { config, schema }
}

/// An API behind a URL, with a token.
pub fn api() -> Shape {
    let schema = json!({
        "type": "object",
        "required": ["base_url", "api_token", "tenant"],
        "properties": {
            "oauth_redirect_url": {"type": "string", "format": "uri"},
            "base_url": {"type": "string", "format": "uri"},
            "api_token": {"type": "string", "airbyte_secret": true,
                "pattern": "^tk_[0-9a-f]{32}$"},
            "tenant": {"type": "string", "format": "uuid", "minLength": 36},
            "labels": {"type": "object"},
        },
    });
    let config = json!({
        "oauth_redirect_url": "https://app.example.com/done",
        "base_url": "https://reader@api.example.com:8443/v2/ingest?part=1#top",
        "api_token": "tk_0123456789abcdef0123456789abcdef",
        "tenant": "7d444840-9dc0-11d1-b245-5ffdce74fad2",
        "labels": {"team": "data"},
    });
    Shape { config, schema }
}

/// All of them, by name.
pub fn all() -> Vec<(&'static str, Shape)> {
    vec![("database", database()), ("warehouse", warehouse()), ("file", file()), ("api", api())]
}
