/// The kind of lesion that a segment of a DICOM object shows, as a code of SNOMED CT.
///
/// Codes and meanings are those of DICOM PS3.16, context groups 7150 and 7151 with their extensions.
package enum SegmentCode: String, CaseIterable, Sendable {
  /// A lesion of any kind.
  case lesion
  /// A polyp of the colon.
  case polyp

  /// Words of names of colon polyps; a name with another word may mean another organ's.
  private static let words: Set<String> = [
    "polyp", "polyps", "colon", "colonic", "colorectal", "rectal", "neoplastic", "non", "nonneoplastic",
    "adenomatous", "hyperplastic", "serrated", "sessile", "pedunculated", "flat", "small", "large",
    "diminutive",
  ]

  /// Chooses the kind by the name of a class.
  ///
  /// A polyp, such as `colorectal polyp`, is one of the colon unless the name has words that do not
  /// belong to it: a `vocal fold polyp` is a lesion.
  package init(className: String) {
    let parts = className.lowercased().split { !$0.isLetter }.map(String.init)
    let isPolyp = parts.contains { $0.hasPrefix("polyp") } && Self.words.isSuperset(of: parts)
    self = isPolyp ? .polyp : .lesion
  }

  /// The code.
  package var code: String {
    switch self {
    case .lesion: "52988006"
    case .polyp: "68496003"
    }
  }

  /// The meaning of the code.
  package var meaning: String {
    switch self {
    case .lesion: "Lesion"
    case .polyp: "Polyp of colon"
    }
  }
}

/// The part of the body that images show, as a code of SNOMED CT.
package enum BodyRegion: String, CaseIterable, Sendable {
  /// The large intestine.
  case largeIntestine = "large-intestine"
  /// The larynx.
  case larynx
  /// The bronchi.
  case bronchus

  /// The code.
  package var code: String {
    switch self {
    case .largeIntestine: "14742008"
    case .larynx: "4596009"
    case .bronchus: "955009"
    }
  }

  /// The meaning of the code.
  package var meaning: String {
    switch self {
    case .largeIntestine: "Large intestine"
    case .larynx: "Larynx"
    case .bronchus: "Bronchus"
    }
  }
}
