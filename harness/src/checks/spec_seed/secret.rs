//! Which names say that their value is a secret.

/// The words of a name: `apiKey`, `API_KEY` and `api-key` are alike.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let begins = letter.is_uppercase()
            && (before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit())
                || (before.is_some_and(char::is_uppercase)
                    && letters.get(at + 1).is_some_and(|next| next.is_lowercase())));
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a name says that its value is a secret. The last word decides: a `token_url` is no
/// token, and a `primary_key` opens nothing.
pub(super) fn names_a_secret(name: &str) -> bool {
    /// What a secret may be wrapped in, without being less of a secret.
    const WRAPPING: &str = "json value text content contents string pem base64 b64";
    /// What makes a switch or a number of a name.
    const ASKING: &str = "use uses is has with enable disable require requires allow include show \
                          skip ignore rotate max min num";
    /// Words of which a secret may be called by the last.
    const SECRETS: &str = "password passwd pwd passphrase passcode secret token credential \
                           credentials jwt apikey apitoken authtoken accesstoken refreshtoken \
                           bearertoken clientsecret secretkey privatekey accesskey sshkey";
    /// Keys that open something.
    const KEYS: &str = "api secret access private ssh account auth signing master client shared \
                        license encrypting";
    /// Tokens that only mark a place.
    const MARKS: &str = "page cursor continuation sync csrf public";

    let mut words = words(name);
    while words.len() > 1 && words.last().is_some_and(|last| among(WRAPPING, last)) {
        words.pop();
    }
    if let Some(last) = words.last_mut() {
        // `password2` is a password, too.
        last.truncate(last.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [first, _, ..] if among(ASKING, first) => false,
        [.., kind, "token"] if among(MARKS, kind) => false,
        [.., owner, kind, "key"] => among(KEYS, kind) && !["public", "kms"].contains(&owner),
        [kind, "key"] => among(KEYS, kind),
        [.., "service", "account", "info"] => true,
        [.., last] => among(SECRETS, last),
        [] => false,
    }
}

fn among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, expected) in [
            ("api_key", "api key"),
            ("apiKey", "api key"),
            ("API-Key", "api key"),
            ("SASToken", "sas token"),
            ("s3SecretAccessKey", "s3 secret access key"),
            ("keep_files_in_gcs-bucket", "keep files in gcs bucket"),
            ("__", ""),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn the_last_word_decides() {
        let secrets = "password tunnel_user_password api_key apiKey apikey secret client_secret \
                       token access_token refresh_token azure_blob_storage_sas_token jwt \
                       secret_access_key hmac_key_secret private_key ssh_key account_key \
                       credentials credentials_json service_account_info service_account_key \
                       key_encrypting_key client_key private_key_password passphrase password2 password_json \
                       motherduck_api_key privateKey auth_token_value";
        for name in secrets.split_whitespace() {
            assert!(names_a_secret(name), "{name}");
        }
        let others = "token_url key_path primary_key password_policy use_token max_tokens \
                      partition_key key secret_arn secret_name public_key kms_key_id sort_key \
                      access_key_id client_id hmac_key_access_id token_type token_expiry_date \
                      next_page_token password_file credentials_provider auth_type keyspace \
                      public_api_key use_secret key_field routing_key tokens compassword monkey \
                      ca_certificate service_account_email secret_manager_project host json 42";
        for name in others.split_whitespace() {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
