import Foundation
import Segmentation
import Storage

extension RunConfiguration {
  /// Applies a JSON5 file to these settings; only the settings in the file change.
  ///
  /// - Parameter url: the file.
  /// - Returns: the dotted names of its options for methods other than the chosen one, which have
  ///   no effect.
  /// - Throws: `FileError` or `SettingsError` that names the file and the setting.
  @discardableResult
  package mutating func merge(contentsOf url: URL) throws -> [String] {
    try merge(contentsOf: url) { $0 }
  }

  /// Reads the stored settings of a run.
  ///
  /// They are applied to the defaults, so that a run of an earlier version, which lacks a setting,
  /// can still be used.
  ///
  /// - Throws: `FileError` or `SettingsError` that names the file and the setting.
  package init(ofRun file: URL, methods: MethodRegistry) throws {
    self.init(methods: methods)
    model.method = .mcdrl  // What stored settings without a method mean.
    _ = try merge(contentsOf: file, as: EarlierNames.ofRun)
  }

  /// Reads complete settings that any version stored, such as a study's.
  ///
  /// - Parameters:
  ///   - settings: an object of settings, under present names or earlier ones.
  ///   - methods: the methods that the settings may name.
  ///   - source: what holds them, for messages.
  /// - Throws: `SettingsError` or `MethodError` that names the setting.
  package init(stored settings: JSONValue, methods: MethodRegistry, source: String) throws {
    self.init(methods: methods)
    model.method = .mcdrl
    _ = try lay(EarlierNames.present(EarlierNames.ofRun(settings)), source: source)
  }

  private mutating func merge(contentsOf url: URL, as reading: (JSONValue) -> JSONValue) throws -> [String] {
    let settings = try JSONValue(json5File: url)
    guard settings.members != nil else { throw SettingsError.notAnObject(source: url.path) }
    do {
      return try lay(EarlierNames.present(reading(settings)), source: url.path)
    } catch let error as MethodError {
      throw SettingsError.inFile(url.path, reason: error.description)
    }
  }

  /// Changes one setting by its dotted name, such as `optimizer.learningRate=0.001`.
  ///
  /// - Parameters:
  ///   - assignment: `key=value`, or `key*=factor` for a multiple of the present value.
  ///   - source: the source of the assignment, for messages.
  /// - Returns: the dotted names of options for methods other than the chosen one, which have no
  ///   effect.
  /// - Throws: `SettingsError` that names the setting.
  @discardableResult
  package mutating func set(_ assignment: String, source: String? = nil) throws -> [String] {
    let source = source.map { "\($0) \(assignment)" } ?? assignment
    guard let equals = assignment.firstIndex(of: "=") else {
      throw SettingsError.noAssignment(source: source)
    }
    let times = Self.isMultiple(assignment)
    let keys = assignment[..<equals].dropLast(times ? 1 : 0).split(separator: ".").map(String.init)
    guard !keys.isEmpty else { throw SettingsError.noName(source: source) }
    let text = String(assignment[assignment.index(after: equals)...])
    let value = try times ? multiple(of: keys, by: text, source) : Self.value(text)
    let settings = EarlierNames.present(keys.reversed().reduce(value) { JSONValue.object([$1: $0]) })
    guard times else { return try lay(settings, source: source) }
    do { return try lay(settings, source: source) } catch SettingsError.badValue {
      throw SettingsError.noProduct(source: source, product: value.text)
    }
  }

  /// Returns whether an assignment is `key*=factor`, whose result depends on the present value.
  package static func isMultiple(_ assignment: String) -> Bool {
    assignment.prefix { $0 != "=" }.hasSuffix("*")
  }

  private static func value(_ text: String) -> JSONValue {
    (try? JSONValue(json5: Data(text.utf8))) ?? .string(text)
  }

  /// Multiplies the number of a setting by another: `epochs*=2`.
  ///
  /// A number without a fraction is read as an integer, also that of a setting which may have one.
  /// So the setting's type decides only when the product is applied.
  private func multiple(of keys: [String], by text: String, _ source: String) throws -> JSONValue {
    let name = EarlierNames.present(keys).joined(separator: ".")
    let (own, factor) = (try JSONValue(encoding: resolved).leaves[name], Self.value(text))
    if case .integer(let own)? = own, case .integer(let factor) = factor {
      let (product, overflows) = own.multipliedReportingOverflow(by: factor)
      if !overflows { return .integer(product) }
    }
    guard let own = own?.double, let factor = factor.double, (own * factor).isFinite else {
      throw SettingsError.noMultiple(source: source)
    }
    return .number(own * factor)
  }

  /// Returns the settings that differ from another configuration, with the values here.
  ///
  /// The names are dotted and in order.
  ///
  /// - Throws: `EncodingError`, which decoded settings never cause.
  package func differences(from other: RunConfiguration) throws -> [(name: String, value: JSONValue)] {
    let others = try JSONValue(encoding: other).leaves
    return try JSONValue(encoding: self).leaves.filter { others[$0.key] != $0.value }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Describes the resolved settings that differ from those of a run, such as "epochs was 2, is 3".
  ///
  /// - Throws: `EncodingError`, which decoded settings never cause.
  package func changes(from run: RunConfiguration) throws -> [String] {
    let (old, new) = (try JSONValue(encoding: run.resolved).leaves, try JSONValue(encoding: resolved).leaves)
    return Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }.map { name in
      "\(name) was \(old[name]?.text ?? "absent"), is \(new[name]?.text ?? "absent")"
    }
  }

  /// Applies settings; a name that does not exist is an error.
  ///
  /// - Parameters:
  ///   - settings: an object of settings under their present names.
  ///   - source: the source of the settings, for messages.
  /// - Returns: the dotted names of options for methods other than the chosen one, which have no
  ///   effect.
  /// - Throws: `SettingsError` or `MethodError` that names the setting.
  package mutating func lay(_ settings: JSONValue, source: String) throws -> [String] {
    var (given, base) = (settings, try JSONValue(encoding: self))
    if case .string(let name)? = settings[["model", "method"]], name != model.method.name {
      // Another method brings its own options.
      base.insert(.string(name), at: ["model", "method"])
      base.insert(try methods.method(named: name).json, at: ["model", "options"])
    }
    let ignored = try takeForeignOptions(out: &given, base: base, source)
    let all = try laid(given, over: base, source)
    do {
      let registry = methods
      self = try all.decoded(as: RunConfiguration.self, registry.prepare)
      methods = registry
    } catch let error as MethodError {
      throw error
    } catch {
      throw SettingsError.badValue(source: source, reason: explanation(of: error) + listAdvice(error, all))
    }
    return ignored
  }

  /// Removes the options of other methods from given settings.
  ///
  /// - Throws: `SettingsError.unknownOption` for an option that no method has.
  private func takeForeignOptions(
    out given: inout JSONValue, base: JSONValue, _ source: String
  ) throws -> [String] {
    guard let options = given[["model", "options"]], options.members != nil,
      let own = base[["model", "options"]], case .string(let name)? = base[["model", "method"]]
    else { return [] }
    let others = try methods.methods.map { try $0.json }
    let complete = try methods.method(named: name).json
    var (kept, ignored) = (JSONValue.object([:]), [String]())
    for (key, value) in options.leaves.sorted(by: { $0.key < $1.key }) where !key.isEmpty {
      let path = key.split(separator: ".").map(String.init)
      if own.has(path) || turnsOn(path, in: options, own, complete) {
        kept.insert(value, at: path)
      } else if others.contains(where: { $0.has(path) }) {
        ignored.append("model.options.\(key)")
      } else {
        throw SettingsError.unknownOption(
          source: source, name: key, method: name, known: own.leaves.keys.filter { !$0.isEmpty }.sorted())
      }
    }
    given.insert(kept, at: ["model", "options"])
    return ignored
  }
}

/// Returns whether all settings of a part that is off are given, which turns it on.
private func turnsOn(
  _ path: [String], in given: JSONValue, _ own: JSONValue, _ complete: JSONValue
) -> Bool {
  guard let first = path.first, own[[first]] == .null, let part = given[[first]]?.leaves,
    let whole = complete[[first]]?.leaves
  else { return false }
  return Set(part.keys) == Set(whole.keys)
}

/// Returns how a value is written as the list that its setting takes; empty for another error.
private func listAdvice(_ error: any Error, _ settings: JSONValue) -> String {
  guard case DecodingError.typeMismatch(let type, let context)? = error as? DecodingError, type == [Any].self
  else { return "" }
  // The options of a method are decoded by themselves.
  let path = context.codingPath.map(\.stringValue)
  guard let value = settings[path] ?? settings[["model", "options"] + path], value != .null,
    value.members == nil
  else { return "" }
  return "; write a list, such as \(JSONValue.array([value]).text)"
}

/// Applies settings to others of the same names.
private func laid(_ settings: JSONValue, over base: JSONValue, _ source: String) throws -> JSONValue {
  guard case .object(var members) = base else { return settings }
  // A null turns off an optional part.
  if settings == .null { return settings }
  guard case .object(let given) = settings else {
    throw SettingsError.isGroup(source: source, members: members.keys.sorted())
  }
  for (key, value) in given {
    guard let old = members[key] else {
      throw SettingsError.unknown(source: source, name: key, known: members.keys.sorted())
    }
    members[key] = try laid(value, over: old, source)
  }
  return .object(members)
}

extension JSONValue {
  /// The value at a path of member names; nil if there is none.
  subscript(path: [String]) -> JSONValue? {
    path.reduce(self as JSONValue?) { $0?.members?[$1] }
  }

  /// Returns whether a path leads to a value, which may be null.
  func has(_ path: [String]) -> Bool { self[path] != nil }
}
