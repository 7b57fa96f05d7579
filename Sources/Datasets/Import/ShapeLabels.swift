import Foundation
import Storage

/// The labels of shapes, of which a user chooses those that are lesions.
struct ShapeLabels {
  /// The labels that the source declares, with their values where it states some; in order.
  let declared: [(name: String, value: Int?)]
  /// All labels, in order.
  let names: [String]
  /// The labels of shapes that can be drawn.
  let drawn: Set<String>
  /// The source, for messages.
  let source: URL

  /// Chooses the values of labels and the labels that are drawn.
  ///
  /// - Parameter options: the choices of the user.
  /// - Returns: the values, empty for one mask of all chosen labels, and the chosen labels.
  /// - Throws: `ImportError.option` for labels that do not exist.
  func chosen(_ options: ImportOptions) throws -> (values: [String: Int], chosen: Set<String>) {
    let known = names.isEmpty ? "none" : names.joined(separator: ", ")
    if !options.labels.isEmpty {
      if let (name, value) = options.labels.first(where: { !(0...255).contains($0.value) }) {
        throw ImportError.option("--labels", reason: "\(name) is \(value); values go from 0 to 255")
      }
      guard names.isEmpty || names.contains(where: { options.labels[$0] != nil }) else {
        throw ImportError.option(
          "--labels", reason: "names none of the labels of \(source.shownPath): \(known)")
      }
      return (options.labels, Set(options.labels.keys))
    }
    if let stranger = options.lesions.first(where: { !names.contains($0) }) {
      throw ImportError.option(
        "--lesions",
        reason: "\"\(stranger)\" is no label of \(source.shownPath); it has \(known)"
          + Spelling.suggestion(for: stranger, among: names))
    }
    if !options.lesions.isEmpty { return ([:], Set(options.lesions)) }
    guard drawn.count > 1 else { return ([:], Set(names)) }
    guard names.count <= 255 else {
      throw ImportError.option(
        "--lesions",
        reason: "\(source.shownPath) has \(names.count) labels; name those that are lesions")
    }
    let stated = declared.compactMap(\.value)
    let areUsable =
      declared.count == names.count && stated.count == names.count && Set(stated).count == stated.count
      && stated.allSatisfy { (1...255).contains($0) }
    let values = areUsable ? stated : Array(1...names.count)
    return (Dictionary(zip(names, values)) { first, _ in first }, Set(names))
  }

  /// The note that masks are label maps; nil for one kind of lesion.
  static func note(_ values: [String: Int]) -> String? {
    guard values.count > 1 else { return nil }
    let list = values.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { "\($0.key) \($0.value)" }
    return "The masks are label maps: \(list.joined(separator: ", ")); --lesions makes one mask of chosen "
      + "labels."
  }
}

extension ImportListing {
  /// Chooses among the labels of the shapes, of which none has a stated value.
  ///
  /// Several labels without a choice become label maps, numbered from 1 in the order of their names.
  ///
  /// - Parameters:
  ///   - options: the choices of the user.
  ///   - source: the source, for messages.
  /// - Throws: `ImportError.option` for labels that do not exist.
  mutating func chooseLabels(_ options: ImportOptions, of source: URL) throws {
    let drawn = Set(
      items.flatMap { item -> [String] in
        if case .shapes(let shapes, _) = item.mask { shapes.map(\.label) } else { [] }
      })
    let all = ShapeLabels(declared: [], names: drawn.sorted(), drawn: drawn, source: source)
    let (values, chosen) = try all.chosen(options)
    labels = values
    if let note = ShapeLabels.note(values) { notes.append(note) }
    guard !drawn.isSubset(of: chosen) else { return }
    for index in items.indices {
      guard case .shapes(let shapes, let file) = items[index].mask else { continue }
      let own = shapes.filter { chosen.contains($0.label) }
      items[index].mask = own.isEmpty ? .empty : .shapes(own, source: file)
    }
  }
}
