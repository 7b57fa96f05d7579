/// The version of this package: of the command and of every library.
///
/// It is written here and nowhere else. `scripts/version` holds CITATION.cff and CHANGELOG.md against it.
public let packageVersion = "0.1.0"
