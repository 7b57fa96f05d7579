/// A setting that configuration files store as one text.
public protocol TextCodable: Codable, CustomStringConvertible {
  /// Reads the text form; nil for any other text.
  init?(_ text: String)
  /// The valid texts, for messages: "none, last-N, all".
  static var possible: String { get }
}

extension TextCodable {
  /// Reads the text form.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath, debugDescription: "\"\(text)\" is none of \(Self.possible)"))
    }
    self = value
  }

  /// Writes the text form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// One of a few named values, as settings have them; another name is answered with all of them.
public protocol NamedChoice: RawRepresentable<String>, CaseIterable, Codable {}

extension NamedChoice {
  /// Reads the name.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(rawValue: text) else {
      let names = Self.allCases.map(\.rawValue)
      let near = Spelling.near(text, among: names).map { " (did you mean \"\($0)\"?)" } ?? ""
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "\"\(text)\" is not one of \(names.joined(separator: ", "))\(near)"))
    }
    self = value
  }
}
