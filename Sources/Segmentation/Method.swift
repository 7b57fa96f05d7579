import Storage

/// A way of learning to segment: one of the paper's four, or one that plugs in (`SegmentationMethod`).
package struct Method: Hashable, Sendable, CustomStringConvertible {
  /// What settings, tables and folders call it.
  package let name: String

  private init(name: String) { self.name = name }

  /// The whole method: region selection with L_contrast, and the intervention with L_causal.
  package static let mcdrl = Method(name: "mcdrl")
  /// Neither: the same tower and head, trained by L_seg alone.
  package static let baseline = Method(name: "baseline")
  /// The intervention with L_causal on all positions; no region selection, no L_contrast.
  package static let withoutRegionSelection = Method(name: "no-mtrs")
  /// Region selection with L_contrast; no intervention, no L_causal.
  package static let withoutIntervention = Method(name: "no-cdrl")

  /// The paper's four, which differ only in what they name; method, section 7.
  package static let paper: [Method] = [.mcdrl, .baseline, .withoutRegionSelection, .withoutIntervention]
  /// Those that plug in.
  package static var peers: [Method] { MethodCatalog.peers.map { Method(name: $0.name) } }
  /// All that are known.
  package static var all: [Method] { paper + peers }

  /// The method of a name, nil when there is none.
  package init?(_ name: String) {
    guard Self.all.contains(where: { $0.name == name }) else { return nil }
    self.name = name
  }

  /// Whether positions are selected and L_contrast is on.
  package var selectsRegions: Bool { self == .mcdrl || self == .withoutIntervention }
  /// Whether the intervention and L_causal are on.
  package var intervenes: Bool { self == .mcdrl || self == .withoutRegionSelection }
  /// What plugs in; nil for the paper's four.
  package var plugin: SegmentationMethod.Type? { MethodCatalog.peers.first { $0.name == name } }
  /// What it does, in one line.
  package var summary: String {
    switch self {
    case .mcdrl: "region selection with L_contrast, and the intervention with L_causal"
    case .baseline: "the same tower and head, trained by L_seg alone"
    case .withoutRegionSelection: "mcdrl without region selection and L_contrast"
    case .withoutIntervention: "mcdrl without the intervention and L_causal"
    default: plugin?.summary ?? ""
    }
  }
  /// Its name.
  package var description: String { name }
}

extension Method: TextCodable {
  package static var possible: String { all.map(\.name).joined(separator: ", ") }
}
