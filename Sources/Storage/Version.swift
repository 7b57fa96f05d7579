/// The version of this package: of the command and of every library.
///
/// This is its only definition. `scripts/version` compares CITATION.cff and CHANGELOG.md with it.
public let packageVersion = "0.1.0"
