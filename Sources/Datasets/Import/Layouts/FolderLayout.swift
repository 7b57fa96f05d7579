import Foundation

/// Any folder: image and mask share the text that the wildcards of two patterns match.
enum FolderLayout: SourceReader {
  static let name = "folder"
  static let summary = "any folder, by --images and --masks; without them images/ and masks/ of equal stems"
  static let labelChoices: Set<LabelChoice> = [.values, .colours, .lesions]

  static func recognises(_ source: URL) -> Bool {
    guard let tree = SourceTree.look(at: source), let (images, masks) = standard(tree) else { return false }
    return !Set(images.map(DistinctStems.stem)).isDisjoint(with: masks.map(DistinctStems.stem))
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    let (labels, colours) = try self.labels(options)
    guard options.lesions.isEmpty || !labels.isEmpty else {
      throw ImportError.option(
        "--lesions",
        reason: "names labels, and none are stated; add --labels NAME=VALUE …, or leave the option out")
    }
    var pairing = Pairing(tree)
    pairing.listing.labels = labels
    let facts = Pairing.Facts()
    switch (options.images, options.masks) {
    case (let images?, let masks?):
      let (image, mask) = (
        try BoundedPattern(files: images, option: "--images"),
        try BoundedPattern(files: masks, option: "--masks")
      )
      let all = tree.images
      let maskFiles = try all.filter { try mask.captures(in: $0) != nil }
      // A broad pattern of images, such as **/*.png, also matches masks.
      let imageFiles = try all.filter { try mask.captures(in: $0) == nil && image.captures(in: $0) != nil }
      try require(imageFiles, "--images", images, in: tree)
      try require(maskFiles, "--masks", masks, in: tree)
      try pairing.pair(
        imageFiles, maskFiles, imageKey: { try image.captures(in: $0)?.joined(separator: "\u{0}") },
        maskKey: { try mask.captures(in: $0)?.joined(separator: "\u{0}") }, colours: colours
      ) { _ in facts }
    case (nil, nil):
      let root = try tree.root(of: ["images", "masks"], kind: name)
      try pairing.pair(
        tree.files(of: "images", in: root),
        tree.files(of: "masks", in: root),
        colours: colours
      ) { _ in facts }
    case (nil, _):
      throw ImportError.option("--images", reason: "is missing beside --masks; give both patterns, or none")
    case (_, nil):
      throw ImportError.option("--masks", reason: "is missing beside --images; give both patterns, or none")
    }
    return try pairing.finished(kind: name)
  }

  /// The files of the only folder with `images` and `masks`.
  private static func standard(_ tree: SourceTree) -> (images: [String], masks: [String])? {
    let roots = tree.roots(of: ["images", "masks"])
    guard let root = roots.first, roots.count == 1,
      let images = tree.folders[SourceTree.join(root, "images")],
      let masks = tree.folders[SourceTree.join(root, "masks")]
    else { return nil }
    return (images, masks)
  }

  private static func require(_ files: [String], _ option: String, _ pattern: String, in tree: SourceTree)
    throws
  {
    guard files.isEmpty else { return }
    throw ImportError.option(
      option,
      reason: "\(pattern) matches no image file of \(tree.root.shownPath)"
        + (tree.images.first.map { ", which has \($0)" } ?? ", which has none"))
  }

  /// The values of the labels, and those of their colours.
  private static func labels(_ options: ImportOptions) throws -> ([String: Int], [[UInt8]: Int]) {
    guard !options.colours.isEmpty else { return (options.labels, [:]) }
    guard options.labels.isEmpty else {
      throw ImportError.option("--labels", reason: "states values and colours; state one of the two for all")
    }
    let names = options.colours.keys.sorted()
    let values = Dictionary(uniqueKeysWithValues: zip(names, 1...names.count))
    return (
      values, Dictionary(options.colours.map { ($0.value, values[$0.key] ?? 0) }) { first, _ in first }
    )
  }
}
