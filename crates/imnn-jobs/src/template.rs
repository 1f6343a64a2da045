//! Commands with placeholders: `{seed}`, `{theta}`, `{theta[0]}`, `{theta[name]}` and `{out}`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::JobsError;

/// A command whose placeholders have been understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    arguments: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Seed,
    Theta,
    /// One parameter, by its index.
    One(usize),
    Out,
}

impl Template {
    /// Reads a command for these parameters; each of them, the seed and the file have to reach the program.
    pub(crate) fn parse(command: &[String], names: &[String]) -> Result<Self, JobsError> {
        let invalid = |reason: String| JobsError::Design { key: "command", reason };
        if command.first().is_none_or(String::is_empty) {
            let example =
                r#"write the program and its arguments, as ["python3", "sim.py", "{seed}", "{theta}", "{out}"]"#;
            return Err(invalid(format!("there is no program; {example}")));
        }
        let arguments = command
            .iter()
            .map(|text| pieces(text, names).map_err(|reason| invalid(format!("{reason} in {text:?}"))))
            .collect::<Result<Vec<_>, _>>()?;
        let has = |piece: &Piece| arguments.iter().flatten().any(|other| other == piece);
        if !has(&Piece::Seed) {
            let reason = "{seed} is in none of the arguments: all simulations would be the same";
            return Err(invalid(reason.to_owned()));
        }
        if !has(&Piece::Out) {
            let reason = "{out} is in none of the arguments: it stands for the .npy file that the program is to write";
            return Err(invalid(reason.to_owned()));
        }
        if let Some((k, name)) = names.iter().enumerate().find(|(k, _)| !has(&Piece::Theta) && !has(&Piece::One(*k))) {
            let reason =
                format!("the program is not told {name}: write {{theta}} for all parameters, or {{theta[{k}]}}");
            return Err(invalid(reason));
        }
        Ok(Self { arguments })
    }

    /// Whether there is an argument that becomes one for each parameter.
    pub(crate) fn spreads_theta(&self) -> bool {
        self.arguments.iter().any(|argument| argument[..] == [Piece::Theta])
    }

    /// The program and its arguments.
    ///
    /// An argument that is `{theta}` alone becomes one for each parameter; inside a longer text they are joined by commas.
    pub(crate) fn fill(&self, seed: u64, theta: &[f64], out: &Path) -> Vec<OsString> {
        let mut filled = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            if argument[..] == [Piece::Theta] {
                filled.extend(theta.iter().map(|&value| number(value).into()));
                continue;
            }
            let mut text = OsString::new();
            for piece in argument {
                match piece {
                    Piece::Text(part) => text.push(part),
                    Piece::Seed => text.push(seed.to_string()),
                    Piece::Theta => text.push(theta.iter().map(|&value| number(value)).collect::<Vec<_>>().join(",")),
                    Piece::One(k) => text.push(number(theta[*k])),
                    Piece::Out => text.push(out),
                }
            }
            filled.push(text);
        }
        filled
    }
}

/// The shortest text that is read back as this very number.
fn number(value: f64) -> String {
    format!("{value:?}")
}

/// A command as it may be typed into a shell.
pub fn command_line(arguments: &[impl AsRef<OsStr>]) -> String {
    let quoted = |argument: &OsStr| {
        let text = argument.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%^".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            return text.into_owned();
        }
        format!("'{}'", text.replace('\'', r"'\''"))
    };
    arguments.iter().map(|argument| quoted(argument.as_ref())).collect::<Vec<_>>().join(" ")
}

/// Divides one argument at its placeholders; the error says what is wrong.
fn pieces(text: &str, names: &[String]) -> Result<Vec<Piece>, String> {
    if text.contains('\0') {
        return Err("there is a character of value 0, which no argument can hold,".to_owned());
    }
    let mut pieces = vec![];
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            plain.push_str(brace);
            rest = after;
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{");
        let end = end.ok_or_else(|| format!("a single {brace} (write {brace}{brace} for the character itself)"))?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(placeholder(&rest[..end], names)?);
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn placeholder(name: &str, names: &[String]) -> Result<Piece, String> {
    match name {
        "seed" => return Ok(Piece::Seed),
        "theta" => return Ok(Piece::Theta),
        "out" => return Ok(Piece::Out),
        _ => {}
    }
    let Some(which) = name.strip_prefix("theta[").and_then(|name| name.strip_suffix(']')) else {
        return Err(format!(
            "unknown placeholder {{{name}}} (there are {{seed}}, {{theta}}, {{theta[0]}}, {{theta[name]}} and {{out}}; {{{{ and \
             }}}} stand for braces)"
        ));
    };
    let by_name = names.iter().position(|other| other == which);
    let by_index = which.parse().ok().filter(|&k: &usize| k < names.len());
    by_name.or(by_index).map(Piece::One).ok_or_else(|| {
        format!("{{{name}}} names none of the parameters (there are {}, or 0 to {})", names.join(", "), names.len() - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn parse(command: &[&str]) -> Result<Template, String> {
        Template::parse(&texts(command), &texts(&["mu", "s"])).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(command: &[&str], expected: &[&str]) {
        let filled = parse(command).unwrap().fill(7, &[-0.5, 1e-9], Path::new("/a b/o.npy"));
        assert_eq!(filled, expected);
    }

    #[test]
    fn placeholders_are_filled() {
        check(&["p", "{seed}", "{theta}", "{out}"], &["p", "7", "-0.5", "1e-9", "/a b/o.npy"]);
        check(
            &["p", "--theta={theta}", "s{seed}s{seed}", "out='{out}'", ""],
            &["p", "--theta=-0.5,1e-9", "s7s7", "out='/a b/o.npy'", ""],
        );
        check(&["{seed}{out}", "{theta[1]}", "{theta[mu]}"], &["7/a b/o.npy", "1e-9", "-0.5"]);
        check(
            &["awk", "BEGIN {{ print $1 }}", "{{seed}}", "{seed}", "{theta}", "{out}"],
            &["awk", "BEGIN { print $1 }", "{seed}", "7", "-0.5", "1e-9", "/a b/o.npy"],
        );
    }

    #[test]
    fn a_name_goes_before_an_index() {
        let template = Template::parse(&texts(&["p", "{seed}{out}", "{theta[1]}", "{theta[0]}"]), &texts(&["1", "b"]));
        // Both mean the first: the second is not told.
        assert!(template.unwrap_err().to_string().contains("not told b"));
    }

    #[test]
    fn faults_are_told() {
        for (command, parts) in [
            (&[][..], &["there is no program"][..]),
            (&["", "{seed}"], &["there is no program"]),
            (&["p", "{theta}", "{out}"], &["{seed} is in none", "would be the same"]),
            (&["p", "{seed}", "{theta}"], &["{out} is in none"]),
            (&["p", "{seed}", "{out}", "{theta[mu]}"], &["is not told s", "{theta[1]}"]),
            (&["p", "{Seed}"], &["unknown placeholder {Seed}", "in \"{Seed}\""]),
            (&["p", "{}"], &["unknown placeholder {}"]),
            (&["p", "{theta[2]}"], &["{theta[2]} names none of the parameters (there are mu, s, or 0 to 1)"]),
            (&["p", "{theta[-1]}"], &["names none of the parameters"]),
            (&["p", "{seed"], &["a single {", "{{"]),
            (&["p", "seed}"], &["a single }", "}}"]),
            (&["p", "{{seed}"], &["a single }"]),
            (&["p", "a\0b"], &["a character of value 0"]),
        ] {
            let message = parse(command).unwrap_err();
            for part in parts {
                assert!(message.contains(part), "{part:?} is not in {message:?}");
            }
        }
    }

    #[test]
    fn command_lines_can_be_typed() {
        assert_eq!(command_line(&["p", "a b", "it's", "", "-x=1,2"]), r"p 'a b' 'it'\''s' '' -x=1,2");
    }
}
