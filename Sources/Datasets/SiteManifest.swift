import Foundation
import Storage
import Torch

/// The content of a `sites.json5`.
struct SiteManifest: Decodable {
  /// One site; only the name is required.
  struct Entry: Decodable {
    var name: String
    /// Folders, absolute or relative to the manifest; `NAME/images` and `NAME/masks` if absent.
    var images: String?
    var masks: String?
    /// A regular expression on the stem of an image: the images of the folder that are the site's.
    ///
    /// So sites can share a folder, such as the sequences of one patient.
    var stems: String?
    /// The lesion class of all images.
    var `class`: String?
    /// The lesion class by image; null for an image without a lesion.
    var classes: [String: String?]?
    /// A regular expression on the stem of an image.
    ///
    /// Its first group, or the whole match, is the patient or sequence.
    var groupPattern: String?
    /// The patient or sequence by image.
    var groups: [String: String]?
    /// The names of the values of label maps, and which of them are lesions.
    var labels: [String: Int]?
    var lesions: [String]?
    /// Other images that score the site if it is held out.
    var test: Others?
    /// The same scenes as `images` without the link between lesion and confounder.
    var unlinked: Others?
    /// The terms of use, the source and what to cite, for the model card of a run.
    var licence: String?
    var source: String?
    var citation: String?
    /// A warning for users of the site; commands that train on it say it.
    var note: String?

    init(name: String) { self.name = name }

    enum CodingKeys: String, CodingKey, CaseIterable {
      case name, images, masks, stems, `class`, classes, groupPattern, groups, labels, lesions, test
      case unlinked, licence, source, citation, note
    }
  }

  /// Images that replace a site's own: if it is held out, or if a run trains on other scenes.
  struct Others: Decodable {
    /// Folders, relative to the manifest; `NAME/test/images` and `NAME/test/masks` if absent, or
    /// `NAME/unlinked/images` and `NAME/unlinked/masks`.
    var images: String?
    var masks: String?
    /// The lesion class by image; null for an image without a lesion.
    var classes: [String: String?]?

    enum CodingKeys: String, CodingKey, CaseIterable { case images, masks, classes }
  }

  /// The maximum number of sites, because a small file can name one large folder any number of times.
  private static let mostSites = 1000

  var sites: [Entry]
  /// Whether the names of patients and sequences are valid only within their site.
  var groupsAreLocal: Bool?

  init(contentsOf url: URL) throws {
    let data = try Data(file: url, limit: Data.documentLimit)
    do {
      let document = try JSONValue(json5: data)
      // A typing error in a key would disable its statement, such as which images are of one
      // patient.
      if let stranger = Self.unknownKey(document) {
        throw DatasetError.badCatalog(url, reason: stranger)
      }
      self = try document.decoded(as: SiteManifest.self)
    } catch let error as DatasetError {
      throw error
    } catch {
      throw DatasetError.badCatalog(
        url, reason: "it must hold sites: [{ name: …, images: …, masks: … }, …]; \(explanation(of: error))")
    }
    guard sites.count <= Self.mostSites else {
      throw DatasetError.badCatalog(
        url, reason: "it names \(sites.count) sites; at most \(Self.mostSites) are read")
    }
    let names = sites.map(\.name)
    if let name = names.first(where: { ["", ".", ".."].contains($0) || $0.contains("/") }) {
      throw DatasetError.badCatalog(
        url,
        reason: "site \"\(name)\": folders are named after it, so it must not be empty, . or .. or hold a /")
    }
    var seen: Set<String> = []
    if let twice = names.first(where: { !seen.insert($0).inserted }) {
      throw DatasetError.badCatalog(url, reason: "site \"\(twice)\" stands twice; names must differ")
    }
  }

  private enum CodingKeys: String, CodingKey, CaseIterable { case sites, groupsAreLocal }

  /// Describes the first unknown key; nil if all are known.
  private static func unknownKey(_ document: JSONValue) -> String? {
    func fault(_ value: JSONValue?, _ known: [String], _ place: String) -> String? {
      (value?.members?.keys.sorted() ?? []).first { !known.contains($0) }.map {
        "\(place)\"\($0)\" is no key here; there are \(known.joined(separator: ", "))"
      }
    }
    if let fault = fault(document, CodingKeys.allCases.map(\.rawValue), "") { return fault }
    guard case .array(let entries)? = document.members?["sites"] else { return nil }
    return entries.enumerated().lazy.compactMap { index, entry in
      var place = "sites[\(index)]: "
      if case .string(let name)? = entry.members?["name"] { place = "site \(name): " }
      return fault(entry, Entry.CodingKeys.allCases.map(\.rawValue), place)
        ?? [Entry.CodingKeys.test, .unlinked].lazy.compactMap { key in
          fault(
            entry.members?[key.rawValue], Others.CodingKeys.allCases.map(\.rawValue),
            "\(place)\(key.rawValue): ")
        }.first
    }.first
  }

  func sites(in manifest: URL, defaultClass: String?, _ search: SiteSearch) throws -> [Site] {
    let folder = manifest.deletingLastPathComponent()
    let isLocal = groupsAreLocal ?? false
    return try sites.compactMap { entry in
      try entry.site(
        relativeTo: folder, defaultClass, statedIn: manifest, groupsAreLocal: isLocal, search)
    }.sorted { $0.name < $1.name }
  }
}

extension SiteManifest.Entry {
  /// An image with its mask, by stem.
  private typealias Pair = (stem: String, image: ListedFile, mask: ListedFile?)

  /// Finds the files of the site; nil if it has none and this is passed over.
  ///
  /// An error in the entry names the manifest. Images without masks are reported.
  func site(
    relativeTo folder: URL, _ defaultClass: String?, statedIn manifest: URL, groupsAreLocal: Bool = false,
    _ search: SiteSearch
  ) throws -> Site? {
    func place(_ path: String) -> URL {
      path.hasPrefix("/") ? URL(fileURLWithPath: path) : folder.appendingPathComponent(path)
    }
    let lesionLabels = try lesionValues(manifest)
    let pattern = try groupPattern.map { try GroupPattern($0, of: name, statedIn: manifest) }
    let chosen = try stems.map { try GroupPattern($0, of: name, statedIn: manifest, key: .stems) }
    guard
      let files = try pairs(
        place(images ?? "\(name)/images"), place(masks ?? "\(name)/masks"), search, chosen)
    else { return nil }
    func others(_ others: SiteManifest.Others?, _ key: CodingKeys) throws -> [Pair]? {
      guard let others else { return nil }
      let folder = "\(name)/\(key.rawValue)"
      return try pairs(
        place(others.images ?? "\(folder)/images"), place(others.masks ?? "\(folder)/masks"), search)
    }
    let (testFiles, unlinkedFiles) = try (others(test, .test), others(unlinked, .unlinked))
    let survey = MaskSurvey(
      (files + (testFiles ?? []) + (unlinkedFiles ?? [])).compactMap(\.mask), lesions: lesionLabels,
      labels: labels.map { Array($0.values) })
    func samples(_ files: [Pair], _ classes: [String: String?]?) throws -> [Sample] {
      try files.map { stem, image, mask in
        let stated = try groups?[stem] ?? pattern?.group(of: stem)
        return Sample(
          site: name, id: stem, image: image, mask: mask,
          lesionClass: classes?[stem] ?? self.class ?? defaultClass, group: "\(name)/\(stated ?? stem)",
          statedGroup: groupsAreLocal ? nil : stated, lesionLabels: lesionLabels, labels: labels,
          survey: survey)
      }
    }
    let own = try samples(files, classes)
    try requireStems(of: own, in: classes?.keys, "classes", manifest)
    func samples(_ files: [Pair]?, of others: SiteManifest.Others?, _ key: CodingKeys) throws -> [Sample]? {
      let found = try files.map { try samples($0, others?.classes) }
      if let found {
        try requireStems(of: found, in: others?.classes?.keys, "\(key.rawValue).classes", manifest)
      }
      return found
    }
    let tests = try samples(testFiles, of: test, .test)
    let twins = try samples(unlinkedFiles, of: unlinked, .unlinked)
    try requireStems(of: own + (tests ?? []) + (twins ?? []), in: groups?.keys, "groups", manifest)
    try pattern?.requireMatch(in: own.map(\.id))
    return Site(
      name: name, samples: own, testSamples: tests, unlinkedSamples: twins,
      origin: DataOrigin(licence: licence, source: source, citation: citation, note: note))
  }

  /// Checks that the entry states facts only about existing images.
  private func requireStems(
    of samples: [Sample], in stated: (some Collection<String>)?, _ key: String, _ manifest: URL
  ) throws {
    let stems = Set(samples.map(\.id))
    guard let stranger = stated?.filter({ !stems.contains($0) }).min() else { return }
    throw DatasetError.badCatalog(
      manifest, reason: "site \(name): \(key) names \"\(stranger)\", which is no image of it")
  }

  /// Pairs the images of one folder, by stem, with the masks of another.
  ///
  /// - Parameters:
  ///   - imageFolder: the folder of the images.
  ///   - maskFolder: the folder of the masks.
  ///   - search: receives faults and unused files.
  ///   - chosen: the stems that are the site's; nil for all.
  /// - Returns: the pairs; nil if there is no image and this is passed over.
  /// - Throws: `DatasetError`, unless it is passed over.
  private func pairs(
    _ imageFolder: URL, _ maskFolder: URL, _ search: SiteSearch, _ chosen: GroupPattern? = nil
  ) throws -> [Pair]? {
    func list(_ folder: URL, areMasks: Bool) throws -> ImageFolder? {
      guard SiteCatalog.isFolder(folder) else {
        try search.report(DatasetError.missingFolder(site: name, folder: folder))
        return nil
      }
      return try search.list(folder, areMasks: areMasks)
    }
    let all = try list(imageFolder, areMasks: false)
    let masks = try list(maskFolder, areMasks: true)
    guard let all else { return nil }
    var stems = Array(all.names.keys)
    if let chosen {
      stems = try stems.filter { try chosen.group(of: $0) != nil }
      if stems.isEmpty { try chosen.requireMatch(in: all.names.keys.sorted()) }
      search.choose(from: all)
    }
    guard !stems.isEmpty else {
      try search.report(DatasetError.emptySite(name, folder: imageFolder))
      return nil
    }
    let orphans = masks.map { masks in stems.filter { masks.names[$0] == nil }.sorted() } ?? []
    if !orphans.isEmpty {
      try search.report(DatasetError.missingMasks(site: name, stems: orphans, folder: maskFolder))
    }
    search.use(stems, of: maskFolder)
    return stems.sorted().compactMap { stem in
      all.file(stem).map { (stem, $0, masks?.file(stem)) }
    }
  }

  private func lesionValues(_ manifest: URL) throws -> [Int]? {
    guard let labels else { return nil }
    let outside = labels.filter { !(0...255).contains($0.value) }
    if let (label, value) = outside.min(by: { $0.key < $1.key }) {
      throw DatasetError.badCatalog(
        manifest, reason: "site \(name): the label \"\(label)\" is \(value); labels go from 0 to 255")
    }
    return try (lesions ?? labels.keys.sorted()).map { lesion in
      guard let value = labels[lesion] else {
        throw DatasetError.badCatalog(
          manifest, reason: "site \(name): the lesion \"\(lesion)\" is not among its labels")
      }
      return value
    }.filter { $0 != 0 }
  }
}
