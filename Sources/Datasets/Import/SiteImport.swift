import Foundation
import Imaging
import Storage
import Torch

/// Writes a listing as a site of a data folder: `SITE/images`, `SITE/masks`, `SITE/import.json` and
/// the site's entry in `sites.json5`.
///
/// A call for the same source writes the same bytes, so a second one changes nothing, and an
/// interrupted one can be called again. An image that has got a mask since the last call moves from
/// `SITE/unlabelled` to `SITE/images`.
package struct SiteImport {
  let listing: ImportListing
  let source: URL
  let options: ImportOptions
  let threads: Int?
  let kind: String
  private let site: String
  private let data: URL
  private let part: String?

  /// The folder of images without a mask.
  static let unlabelled = "unlabelled"
  /// Images at once; a batch is in memory.
  private static let batch = 32

  /// Prepares an import; it writes nothing.
  ///
  /// - Parameters:
  ///   - listing: the images of the site.
  ///   - source: the folder or file that was listed.
  ///   - kind: the kind of the source.
  ///   - site: the name of the site.
  ///   - data: the data folder.
  ///   - options: the choices of the user.
  ///   - part: the part of the source that the site is, for the record.
  ///   - threads: images at once; nil for one a core.
  /// - Throws: `ImportError` for a name that no site can have, or no image.
  package init(
    _ listing: ImportListing, of source: URL, kind: String, site: String, data: URL, options: ImportOptions,
    part: String? = nil, threads: Int? = nil
  ) throws {
    guard !["", ".", ".."].contains(site), !site.contains("/") else {
      throw ImportError.option(
        "--site",
        reason: "\"\(site)\": a folder is named after it, so it must not be empty, . or .. or hold a /")
    }
    (self.listing, self.source, self.kind, self.site) = (listing, source, kind, site)
    (self.data, self.options, self.part, self.threads) = (data, options, part, threads)
    var seen: Set<String> = []
    for stem in listing.items.map(\.stem) {
      guard !stem.isEmpty, !stem.hasPrefix("."), !stem.contains("/"), !stem.contains("\0") else {
        throw ImportError.malformed(source, reason: "the image name \"\(stem)\" cannot be that of a file")
      }
      guard seen.insert(stem).inserted else {
        throw ImportError.malformed(source, reason: "two images are named \"\(stem)\"; rename one of them")
      }
    }
  }

  /// Splits a listing of several parts into sites: `NAME-PART` each, or `NAME` for one part.
  package static func sites(
    _ listing: ImportListing, named name: String
  ) -> [(site: String, part: String?, listing: ImportListing)] {
    let parts = Set(listing.items.map(\.part)).sorted { $0 ?? "" < $1 ?? "" }
    return parts.map { part in
      var own = listing
      own.items = listing.items.filter { $0.part == part }
      return (parts.count > 1 ? part.map { "\(name)-\($0)" } ?? name : name, part, own)
    }
  }

  var folder: URL { data.appendingPathComponent(site) }
  func place(_ path: String) -> URL { folder.appendingPathComponent(path) }

  /// Writes the site.
  ///
  /// - Parameter progress: receives the number of images so far, of which some may be left out.
  /// - Returns: the record, and the sites that were listed in a new `sites.json5`.
  /// - Throws: `ImportError`, `MaskConventionError`, `FileError`.
  package func write(
    progress: (Int) -> Void = { _ in }
  ) throws -> (record: ImportRecord, listed: [String]) {
    let earlier = try ImportRecord.stored(in: folder)
    let moves = try checkSite(earlier)
    let masks = ImportedMask(
      labels: listing.labels, convention: try convention(), resizes: options.resizesMasks,
      limits: options.limits)
    for name in folders {
      try FileManager.default.createFolder(place(name))
      AtomicFile.removeLeftovers(in: place(name), unchangedFor: 0)
    }
    var record = ImportRecord(
      kind: kind, source: source.lastPathComponent, site: site,
      options: ImportRecord.Options(options, part: part), notes: listing.notes, leftOut: listing.leftOut)
    var (done, differing): (Int, [String]) = (0, [])
    while done < listing.items.count {
      let items = listing.items[done..<min(done + Self.batch, listing.items.count)]
      // A site that is refused gets no more files, but all that differ are counted.
      for result in try write(Array(items), masks, comparesOnly: !differing.isEmpty) {
        switch result {
        case .success(.labelled(let image)): record.images.append(image)
        case .success(.unlabelled(let image)): record.unlabelled.append(image)
        case .success(.differs(let path)): differing.append("\(site)/\(path)")
        case .failure(let left): record.leftOut.append(left)
        }
      }
      done += items.count
      progress(done)
    }
    guard differing.isEmpty else { throw ImportError.differs(site: folder, files: differing.sorted()) }
    let moved = try check(record, moves)
    record.images.sort { $0.image < $1.image }
    record.unlabelled.sort { $0.image < $1.image }
    record.leftOut.sort { ($0.file, $0.reason) < ($1.file, $1.reason) }
    let members = entry(of: record)
    record.states = members.map(\.key)
    // The record still names the files that move, so that an interrupted call can be called again.
    try remove(moved, leavesNone: record.unlabelled.isEmpty && earlier?.unlabelled.isEmpty == false)
    // The entry comes last, so that only a site of an import is ever updated.
    try store(record)
    // Images without masks are no site to train on or to score.
    guard !record.images.isEmpty else { return (record, []) }
    let listed = try SitesFile(in: data).state(site, members, replacing: earlier?.states ?? [])
    return (record, listed)
  }

  /// The folders that the images of the listing need.
  private var folders: [String] {
    let missing = listing.items.count { if case .missing = $0.mask { true } else { false } }
    let unlabelled = listing.keepsUnlabelled && missing > 0 ? [Self.unlabelled] : []
    return (unlabelled.isEmpty || missing < listing.items.count ? ["images", "masks"] : []) + unlabelled
  }

  /// Refuses a site that something else made, and files that this call does not write.
  ///
  /// - Returns: the files of `unlabelled/` that this call moves.
  private func checkSite(_ earlier: ImportRecord?) throws -> Set<String> {
    if earlier == nil, try SitesFile(in: data).names(site) {
      throw ImportError.siteInUse(
        data.appendingPathComponent("sites.json5"),
        reason: "names a site \(site) that no import wrote; choose another --site")
    }
    let planned = itemsByFolder
    let moves = moves(from: earlier, to: Set(planned["images", default: [:]].keys))
    for name in ["images", "masks", Self.unlabelled] where SiteCatalog.isFolder(place(name)) {
      for file in try ImageFolder.names(in: place(name)) where !moves.contains("\(name)/\(file)") {
        let stem = DistinctStems.stem(file)
        guard let item = planned[name]?[stem], isName(file, of: item, isMask: name == "masks") else {
          let isUnlabelled = planned[Self.unlabelled]?[stem] != nil
          throw ImportError.siteInUse(
            place("\(name)/\(file)"),
            reason: isUnlabelled
              ? "is of an import with a mask for the image, and this one has none; give the masks, too, or "
                + "choose another --site"
              : "is no file of this import; choose another --site, or remove the file")
        }
      }
    }
    return moves
  }

  /// The images by the folder that their files go to and their stem.
  private var itemsByFolder: [String: [String: ImportItem]] {
    var found: [String: [String: ImportItem]] = [:]
    for item in listing.items {
      if listing.keepsUnlabelled, case .missing = item.mask {
        found[Self.unlabelled, default: [:]][item.stem] = item
      } else {
        for name in ["images", "masks"] { found[name, default: [:]][item.stem] = item }
      }
    }
    return found
  }

  /// Whether an image or its mask gets this name; true for an image that cannot be read.
  private func isName(_ file: String, of item: ImportItem, isMask: Bool) -> Bool {
    let stored: ImageFormat? = isMask ? .png : format(of: item)
    return stored.map { file == "\(item.stem).\($0.ending)" } ?? true
  }

  /// Refuses files of images that this call left out, and a site without images.
  ///
  /// - Returns: the files of `unlabelled/` whose images are in `images/`.
  private func check(_ record: ImportRecord, _ moves: Set<String>) throws -> [String] {
    guard !record.images.isEmpty || !record.unlabelled.isEmpty else {
      let first = record.leftOut.last.map { ", such as \($0.file): \($0.reason)" } ?? ""
      throw ImportError.nothing(source, kind: kind, reason: "every image is left out\(first)")
    }
    let written = Set(record.images.flatMap { [$0.image, $0.mask] } + record.unlabelled.map(\.image))
    let labelled = Dictionary(record.images.map { (DistinctStems.stem($0.image), $0.image) }) { $1 }
    var moved: [String] = []
    for name in ["images", "masks", Self.unlabelled] where SiteCatalog.isFolder(place(name)) {
      for file in try ImageFolder.names(in: place(name)) where !written.contains("\(name)/\(file)") {
        let path = "\(name)/\(file)"
        if moves.contains(path), let image = labelled[DistinctStems.stem(file)] {
          try requireUnchanged(path, now: image)
          moved.append(path)
          continue
        }
        throw ImportError.siteInUse(
          place(path),
          reason:
            "is of an earlier import; this one leaves the image out; remove the file, or choose "
            + "another --site"
        )
      }
    }
    return moved
  }

  /// Finds what the values of the mask files mean, from all of them.
  private func convention() throws -> MaskConvention? {
    guard listing.labels.isEmpty else { return nil }
    let files = listing.items.flatMap { item -> [URL] in
      if case .files(let files, let colours) = item.mask, colours.isEmpty { files } else { [] }
    }
    guard !files.isEmpty else { return nil }
    do {
      return try MaskSurvey(files).found(limits: options.limits).convention
    } catch let error as MaskConventionError {
      throw ImportError.maskValues(error)
    }
  }

  private func store(_ record: ImportRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = try encoder.encode(record) + Data("\n".utf8)
    let file = place(ImportRecord.fileName)
    if (try? Data(file: file)) != text { try AtomicFile.write(text, to: file) }
  }

  /// The members of the site's entry, without those that the record does not state.
  private func entry(of record: ImportRecord) -> SitesFile.Members {
    var members: SitesFile.Members = []
    let counts = Dictionary(record.images.compactMap(\.lesionClass).map { ($0, 1) }, uniquingKeysWith: +)
    if let common = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key {
      members.append(("class", .string(common)))
      let others = record.images.filter { $0.lesionClass != common }
      if !others.isEmpty { members.append(("classes", .object(table(others) { $0.lesionClass }))) }
    } else {
      // Without a statement, a class for all images would count for those without a lesion, too.
      let empty = record.images.filter(\.maskFrom.isEmpty)
      if !empty.isEmpty { members.append(("classes", .object(table(empty) { _ in nil }))) }
    }
    let grouped = record.images.filter { $0.group != nil }
    if !grouped.isEmpty { members.append(("groups", .object(table(grouped) { $0.group }))) }
    if !listing.labels.isEmpty {
      members.append(("labels", .object(listing.labels.mapValues { .integer($0) })))
      let lesions = options.lesions.filter { listing.labels[$0] != nil }
      if !lesions.isEmpty { members.append(("lesions", .array(lesions.map { .string($0) }))) }
    }
    let origin = listing.origin
    for (key, text) in [
      ("licence", origin.licence), ("source", origin.source), ("citation", origin.citation),
      ("note", origin.note),
    ] {
      if let text { members.append((key, .string(text))) }
    }
    return members
  }

  private func table(
    _ images: [ImportRecord.Image], _ value: (ImportRecord.Image) -> String?
  ) -> [String: JSONValue] {
    Dictionary(images.map { (DistinctStems.stem($0.image), value($0).map { .string($0) } ?? .null) }) { $1 }
  }
}
