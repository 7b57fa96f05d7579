import Storage

/// A setting that cannot be used.
public enum SettingsError: Error, Equatable, CustomStringConvertible {
  /// A file that does not hold one JSON5 object.
  case notAnObject(source: String)
  /// A setting that does not exist.
  case unknown(source: String, name: String, known: [String])
  /// An option that the method does not have.
  case unknownOption(source: String, name: String, method: String, known: [String])
  /// A group of settings in the place of one of them.
  case isGroup(source: String, members: [String])
  /// A value that the setting cannot take.
  case badValue(source: String, reason: String)
  /// An assignment without an equals sign.
  case noAssignment(source: String)
  /// An assignment without a name.
  case noName(source: String)
  /// A multiple of something that is no number, or of a whole number by a broken one.
  case noMultiple(source: String)
  /// A value out of its range.
  case outOfRange(String, value: String, wanted: String)
  /// A setting that must be stated.
  case missing(String)

  /// One or two lines that name the setting and say what is possible.
  public var description: String {
    switch self {
    case .notAnObject(let source): return "\(source): it must hold one JSON5 object of settings"
    case .unknown(let source, let name, let known):
      return "\(source): there is no setting \"\(name)\"" + Self.suggestion(name, known)
        + "; here are \(known.joined(separator: ", "))"
    case .unknownOption(let source, let name, let method, let known):
      let options = known.isEmpty ? "the method \(method) has none" : "use \(known.joined(separator: ", "))"
      return "\(source): model.options.\(name): not known" + Self.suggestion(name, known) + "; \(options)"
    case .isGroup(let source, let members):
      return "\(source): write one of \(members.joined(separator: ", ")) after a dot"
    case .badValue(let source, let reason):
      return "\(source): a value that this setting cannot take: \(reason)"
    case .noAssignment(let source):
      return "\(source): write key=value, such as optimizer.learningRate=0.001"
    case .noName(let source): return "\(source): the setting's name is missing"
    case .noMultiple(let source):
      return "\(source): *= multiplies a number by a number, a whole one by a whole one"
    case .outOfRange(let name, let value, let wanted): return "\(name) is \(value); it must be \(wanted)"
    case .missing(let name): return "\(name) is not stated; state it"
    }
  }

  private static func suggestion(_ name: String, _ known: [String]) -> String {
    Spelling.near(name, among: known).map { " (did you mean \"\($0)\"?)" } ?? ""
  }
}
