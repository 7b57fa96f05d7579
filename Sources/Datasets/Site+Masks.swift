import Imaging

extension Site {
  /// Counts the images of the site whose mask shows no lesion, by the values of the masks.
  ///
  /// It reads the masks, unless a check has done so before.
  ///
  /// - Parameter limits: the maximum size of a file.
  /// - Returns: the number; nil if a mask is missing or cannot be read.
  /// - Throws: `MaskConventionError` for masks whose values are unclear.
  package func countWithoutLesion(limits: ImageLimits = .default) throws -> Int? {
    guard let survey else { return nil }
    let convention = try survey.found(limits: limits).convention
    let files = Dictionary(try survey.files(limits: limits).map { ($0.listed, $0.values) }) { first, _ in
      first
    }
    var count = 0
    for sample in samples {
      guard let mask = sample.maskFile, let values = try? files[mask]?.get() else { return nil }
      if !convention.hasLesion(values) { count += 1 }
    }
    return count
  }

  /// Whether `sites.json5` states the patient or sequence of some image of the site.
  package var statesGroups: Bool { samples.contains { $0.group != "\(name)/\($0.id)" } }
}

extension MaskConvention {
  /// Returns whether a mask of these values shows a lesion.
  fileprivate func hasLesion(_ values: MaskValues) -> Bool {
    let isMarked = (values.distinct.last ?? 0) > 0
    switch self {
    case .grey: return values.isBilevel ? isMarked : (values.distinct.last ?? 0) > 127
    case .values(let lesions, .grey):
      return values.isBilevel ? isMarked : values.distinct.contains { lesions.contains(Int($0)) }
    case .values(let lesions, .indices):
      // The white of a 1-bit file is label 1 or 255.
      return values.distinct.contains { lesions.contains(Int($0)) }
        || values.isBilevel && isMarked && (lesions.contains(1) || lesions.contains(255))
    }
  }
}
