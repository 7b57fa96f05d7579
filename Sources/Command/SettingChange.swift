import Storage

/// A setting that differs between two records.
struct SettingChange: Sendable {
  /// The dotted name, such as `configuration.steps`.
  let name: String
  /// The value in the older record; nil if it has none.
  let old: String?
  /// The value in the newer record; nil if it has none.
  let new: String?

  /// Returns the settings that differ, by name.
  static func list(from old: some Encodable, to new: some Encodable) -> [SettingChange] {
    guard let old = try? JSONValue(encoding: old).leaves, let new = try? JSONValue(encoding: new).leaves
    else {
      return []
    }
    return Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }.map {
      SettingChange(name: $0, old: old[$0]?.text, new: new[$0]?.text)
    }
  }

  /// Describes the first few of some changes, such as "steps was 2 and is 3".
  static func text(_ changes: [SettingChange]) -> String {
    let shown = changes.prefix(3).map { change in
      let (old, new) = (change.old ?? "absent", change.new ?? "absent")
      return old.count + new.count > 60 ? change.name : "\(change.name) was \(old) and is \(new)"
    }
    let rest = changes.count > shown.count ? ", and \(changes.count - shown.count) more" : ""
    return shown.joined(separator: ", ") + rest
  }
}
