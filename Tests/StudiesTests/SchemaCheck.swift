import Foundation
import Storage
import Torch

/// Whether a document has the keys that a JSON Schema states.
///
/// Knows `properties`, `required`, `items`, `additionalProperties`, `$ref` and `anyOf` with null; types and
/// ranges are left to real validators.
final class SchemaCheck {
  private let root: JSONValue
  private var used: Set<String> = []

  init(_ url: URL) throws { root = try JSONValue(json5: Data(contentsOf: url)) }

  /// What is missing or unknown, in order.
  func faults(in document: JSONValue) -> [String] { faults(document, root, "", "#").sorted() }

  /// Properties of the schema that no document had that was looked at.
  var unusedProperties: [String] {
    var all = properties(root, "#")
    for (name, definition) in root.members?["$defs"]?.members ?? [:] {
      all += properties(definition, "#/$defs/\(name)")
    }
    return all.filter { !used.contains($0) }.sorted()
  }

  private func properties(_ schema: JSONValue, _ place: String) -> [String] {
    var below = schema.members?["items"].map { [$0] } ?? []
    if case .array(let choices)? = schema.members?["anyOf"] { below += choices }
    return (schema.members?["properties"]?.members ?? [:]).flatMap { name, schema in
      ["\(place)/\(name)"] + properties(schema, "\(place)/\(name)")
    } + below.flatMap { properties($0, place) }
  }

  private func faults(_ value: JSONValue, _ schema: JSONValue, _ path: String, _ place: String) -> [String] {
    guard let rules = schema.members else { return [] }
    if case .string(let reference)? = rules["$ref"] {
      let name = String(reference.split(separator: "/").last ?? "")
      guard let target = root.members?["$defs"]?.members?[name] else { return ["\(reference): not defined"] }
      return faults(value, target, path, "#/$defs/\(name)")
    }
    if case .array(let choices)? = rules["anyOf"] {
      guard value != .null else { return [] }
      return choices.filter { $0.members?["type"] != .string("null") }.flatMap {
        faults(value, $0, path, place)
      }
    }
    switch value {
    case .array(let items):
      guard let rule = rules["items"] else { return ["\(path): no items in the schema"] }
      return items.flatMap { faults($0, rule, path, place) }
    case .object(let members):
      let known = rules["properties"]?.members ?? [:]
      var found = members.flatMap { name, value -> [String] in
        let below = path.isEmpty ? name : "\(path).\(name)"
        if let rule = known[name] {
          used.insert("\(place)/\(name)")
          return faults(value, rule, below, "\(place)/\(name)")
        }
        guard let rule = rules["additionalProperties"], rule.members != nil || rule == .bool(true) else {
          return ["\(below): not in the schema"]
        }
        return faults(value, rule, below, place)
      }
      if case .array(let required)? = rules["required"] {
        for case .string(let name) in required where members[name] == nil {
          found.append("\(path.isEmpty ? name : "\(path).\(name)"): missing")
        }
      }
      return found
    default: return []
    }
  }
}
