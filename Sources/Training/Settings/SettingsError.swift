import Storage

/// An error of a setting.
public enum SettingsError: Error, Equatable, CustomStringConvertible {
  /// A file does not hold one JSON5 object.
  case notAnObject(source: String)
  /// A setting does not exist.
  case unknown(source: String, name: String, known: [String])
  /// The method lacks the option.
  case unknownOption(source: String, name: String, method: String, known: [String])
  /// Another method than the chosen one has the option.
  case othersOption(source: String, name: String, method: String)
  /// A name is a group of settings, not one of them.
  case isGroup(source: String, members: [String])
  /// The setting does not accept the value.
  case badValue(source: String, reason: String)
  /// An assignment has no equals sign.
  case noAssignment(source: String)
  /// An assignment has no name.
  case noName(source: String)
  /// A multiple is of a value that is no number, or by one.
  case noMultiple(source: String)
  /// The setting does not accept a product, such as a fraction for a whole number.
  case noProduct(source: String, product: String)
  /// A value is out of its range.
  case outOfRange(String, value: String, wanted: String)
  /// Options of one method are to change, but the settings choose another.
  case otherMethod(chosen: String, wanted: String)
  /// A file holds a value that its own error does not place.
  case inFile(String, reason: String)
  /// A setting must be given.
  case missing(String)

  /// One or two lines with the setting and the valid values.
  public var description: String {
    switch self {
    case .notAnObject(let source): return "\(source): it must hold one JSON5 object of settings"
    case .unknown(let source, let name, let known):
      return "\(source): there is no setting \"\(name)\"" + Self.suggestion(name, known)
        + "; here are \(known.joined(separator: ", "))"
    case .unknownOption(let source, let name, let method, let known):
      let options = known.isEmpty ? "the method \(method) has none" : "use \(known.joined(separator: ", "))"
      return "\(source): model.options.\(name): not known" + Self.suggestion(name, known) + "; \(options)"
    case .othersOption(let source, let name, let method):
      return "\(source): \(name) is an option of another method, \(method) does not read it; "
        + "leave it out, or set model.method before it"
    case .isGroup(let source, let members):
      return "\(source): write one of \(members.joined(separator: ", ")) after a dot"
    case .badValue(let source, let reason):
      return "\(source): a value that this setting cannot take: \(reason)"
    case .noAssignment(let source):
      return "\(source): write key=value, such as optimizer.learningRate=0.001"
    case .noName(let source): return "\(source): the setting's name is missing"
    case .noMultiple(let source):
      return "\(source): *= multiplies a number by a number"
    case .noProduct(let source, let product):
      return "\(source): gives \(product), which this setting cannot take; choose another factor"
    case .outOfRange(let name, let value, let wanted): return "\(name) is \(value); it must be \(wanted)"
    case .otherMethod(let chosen, let wanted):
      return "model.method is \(chosen), which has no options of \(wanted); choose \(wanted)"
    case .inFile(let file, let reason): return "\(file): \(reason)"
    case .missing(let name): return "\(name) is not stated; state it"
    }
  }

  private static func suggestion(_ name: String, _ known: [String]) -> String {
    Spelling.near(name, among: known).map { " (did you mean \"\($0)\"?)" } ?? ""
  }
}
