import Foundation

/// Pairs the images of a source with their masks by their names, never by their order.
struct Pairing {
  /// The facts that a source states of an image.
  struct Facts {
    var group: String?
    var lesionClass: String?
  }

  /// The listing so far; `finished` adds the items.
  var listing = ImportListing()
  let tree: SourceTree
  private var pairs: [(image: String, mask: ImportItem.Mask, facts: Facts, part: String?)] = []
  /// The files that are used or left out for a reason of their own.
  private var named: Set<String> = []
  /// Up to so many files of a folder are named each, when they have no part in the layout.
  private static let mostNamed = 3

  init(_ tree: SourceTree) { self.tree = tree }

  /// Pairs files whose keys are equal.
  ///
  /// - Parameters:
  ///   - images: the paths of the images.
  ///   - masks: the paths of the masks.
  ///   - imageKey: the key of an image's path; nil for a file that is no image of the set.
  ///   - maskKey: the key of a mask's path; nil for a file that is no mask of the set.
  ///   - colours: the values of colours, for masks by class.
  ///   - part: the part of the source.
  ///   - facts: what is stated of an image, by its path.
  /// - Throws: the errors of the closures.
  mutating func pair(
    _ images: [String], _ masks: [String], imageKey: (String) throws -> String? = DistinctStems.stem,
    maskKey: (String) throws -> String? = DistinctStems.stem, colours: [[UInt8]: Int] = [:],
    part: String? = nil, facts: (String) throws -> Facts
  ) throws {
    var (byKey, used): ([String: String], Set<String>) = ([:], [])
    for mask in masks {
      guard let key = try maskKey(mask) else { continue }
      if let first = byKey[key] {
        leaveOut(mask, "\(first) is the mask of the same image; keep one of them")
      } else {
        byKey[key] = mask
      }
    }
    for image in images {
      guard let key = try imageKey(image) else { continue }
      guard let mask = byKey[key] else {
        leaveOut(image, "it has no mask of its name")
        continue
      }
      guard used.insert(key).inserted else {
        leaveOut(image, "another image has the same name and so the same mask; keep one of them")
        continue
      }
      add(image, .files([tree.url(mask)], colours: colours), part: part, try facts(image))
      named.insert(mask)
    }
    for (key, mask) in byKey.sorted(by: { $0.value < $1.value }) where !used.contains(key) {
      leaveOut(mask, "there is no image of its name")
    }
  }

  /// Adds an image.
  mutating func add(_ image: String, _ mask: ImportItem.Mask, part: String? = nil, _ facts: Facts) {
    pairs.append((image, mask, facts, part))
    named.insert(image)
  }

  /// Notes that a file that is no image is used.
  mutating func use(_ path: String) { named.insert(path) }

  /// Leaves a file out.
  mutating func leaveOut(_ path: String, _ reason: String) {
    listing.leftOut.append(ImportListing.LeftOut(file: path, reason: reason))
    named.insert(path)
  }

  /// The files that the layout does not know, each folder with many of them once.
  private var strangers: [ImportListing.LeftOut] {
    func isNamed(_ path: String) -> Bool {
      var place = path
      while true {
        if named.contains(place) { return true }
        guard let slash = place.lastIndex(of: "/") else { return false }
        place = String(place[..<slash])
      }
    }
    func list(_ paths: [String], _ reason: (Int) -> String) -> [ImportListing.LeftOut] {
      let folders = Dictionary(grouping: paths.filter { !isNamed($0) }) {
        ($0 as NSString).deletingLastPathComponent
      }
      return folders.flatMap { folder, paths in
        paths.count > Self.mostNamed
          ? [ImportListing.LeftOut(file: folder.isEmpty ? "." : folder, reason: reason(paths.count))]
          : paths.map { ImportListing.LeftOut(file: $0, reason: reason(1)) }
      }
    }
    return list(tree.images) {
      $0 == 1 ? "it has no part in this layout" : "\($0) images in it have no part in this layout"
    } + list(Array(tree.others)) { $0 == 1 ? "it is no image" : "\($0) files in it are no images" }
  }

  /// Returns the listing with an item for each image, in the order of their paths.
  ///
  /// - Parameter kind: the kind of source, for errors.
  /// - Returns: the listing.
  /// - Throws: `ImportError.nothing` if no image has a mask.
  func finished(kind: String) throws -> ImportListing {
    guard !pairs.isEmpty else {
      let first = listing.leftOut.first.map { ", such as \($0.file): \($0.reason)" } ?? ""
      throw ImportError.nothing(tree.root, kind: kind, reason: "no image has a mask\(first)")
    }
    var listing = listing
    listing.leftOut += strangers
    listing.leftOut.sort { ($0.file, $0.reason) < ($1.file, $1.reason) }
    let byPart = Dictionary(grouping: pairs) { $0.part ?? "" }
    for (_, pairs) in byPart.sorted(by: { $0.key < $1.key }) {
      var stems = DistinctStems(pairs.map(\.image))
      for pair in pairs.sorted(by: { $0.image < $1.image }) {
        listing.items.append(
          ImportItem(
            stem: stems.next(pair.image), image: .file(tree.url(pair.image)), mask: pair.mask,
            group: pair.facts.group, lesionClass: pair.facts.lesionClass, part: pair.part))
      }
    }
    return listing
  }
}
