//! Words of a POSIX shell.

/// One word for the shell, whatever is in it.
pub(crate) fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_words_for_the_shell_whatever_is_in_them() {
        for (text, expected) in [
            ("https://a.b/c?d=e", "'https://a.b/c?d=e'"),
            ("https://a.b/c", "https://a.b/c"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("$(rm) `x` \\ \" \n ! *", "'$(rm) `x` \\ \" \n ! *'"),
            ("~", "'~'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
