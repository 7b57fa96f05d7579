import Foundation
import Storage

/// The images that a run trains on, those of its validation, and those that score it, by name.
///
/// A list replaces the split by chance. It is a text file with a name on each line: `SITE/NAME`, or
/// `NAME` if one site alone has it. `NAME` is the file name of the image, with or without its
/// extension. Empty lines, and lines that begin with `#`, count for nothing.
public struct ImageLists: Codable, Equatable, Sendable {
  /// The name of an image in a catalogue.
  public struct Name: Codable, Hashable, Sendable {
    /// The site.
    public let site: String
    /// The file name without its extension.
    public let image: String
  }

  /// The images to train on.
  public let training: [Name]
  /// The images of the validation.
  public let validation: [Name]
  /// The images that score the run; nil without a list.
  @Nullable public private(set) var test: [Name]?

  /// Reads lists.
  ///
  /// - Parameters:
  ///   - training: the file of the images to train on.
  ///   - validation: the file of the images of the validation.
  ///   - test: the file of the images that score the run. A name may also be one of the `test` images
  ///     that `sites.json5` states.
  ///   - catalog: the sites.
  /// - Throws: `ImageListError` that names file and line, or `FileError`.
  public init(training: URL, validation: URL, test: URL? = nil, of catalog: SiteCatalog) throws {
    var reader = ListReader(catalog)
    self.training = try reader.names(in: training, isTest: false)
    self.validation = try reader.names(in: validation, isTest: false)
    self.test = try test.map { try reader.names(in: $0, isTest: true) }
  }

  /// The sites of the images of training and validation, by name and without repetition.
  package var sites: [String] { Set((training + validation).map(\.site)).sorted() }

  /// The sites of the images that score the run, by name and without repetition.
  package var testSites: [String] { Set((test ?? []).map(\.site)).sorted() }

  /// Returns a site with its images of training and validation alone, in the order of the site.
  package func restricted(_ site: Site) -> Site {
    let names = Self.bySite(training + validation)
    return Site(
      name: site.name, samples: Self.samples(names[site.name], among: site.samples),
      testSamples: site.testSamples, origin: site.origin)
  }

  /// Returns the images of a site that score the run, in the order of the site; nil if none is listed.
  package func tested(_ site: Site) -> [Sample]? {
    let own = (test ?? []).filter { $0.site == site.name }
    return own.isEmpty ? nil : Self.samples(own, among: site.allSamples)
  }

  /// Returns a site with the listed images alone as those that score it; nil if none is listed.
  package func testing(_ site: Site) -> Site? {
    tested(site).map { Site(name: site.name, samples: $0) }
  }

  /// Returns the training and validation images of the sites.
  package func split(_ sites: [Site]) -> Split {
    func samples(_ names: [Name]) -> [Sample] {
      let names = Self.bySite(names)
      return sites.flatMap { Self.samples(names[$0.name], among: $0.samples) }
    }
    return Split(training: samples(training), validation: samples(validation))
  }

  /// Returns each list as if it were a site, for the search for images on two sides of a border.
  func places(in sites: [Site]) -> [Site] {
    func place(_ title: String, _ names: [Name]) -> Site {
      let names = Self.bySite(names)
      let found = sites.flatMap { Self.samples(names[$0.name], among: $0.allSamples) }
      return Site(name: title, samples: found.map { $0.listed(as: title) })
    }
    return [place("training list", training), place("validation list", validation)]
      + (test.map { [place("test list", $0)] } ?? [])
  }

  private static func bySite(_ names: [Name]) -> [String: [Name]] {
    Dictionary(grouping: names, by: \.site)
  }

  /// Finds images of a site by name; of two of one name the first, which trains.
  private static func samples(_ names: [Name]?, among samples: [Sample]) -> [Sample] {
    var wanted = Set((names ?? []).map(\.image))
    return samples.filter { wanted.remove($0.id) != nil }
  }
}

extension Sample {
  /// The image as one of a list; its group is then compared with those of the other lists.
  fileprivate func listed(as title: String) -> Sample {
    // An image without a stated group is a group of its own.
    let own = group == "\(site)/\(id)" ? nil : group
    return Sample(
      site: title, id: id, image: imageFile, mask: maskFile, lesionClass: lesionClass, group: group,
      statedGroup: statedGroup ?? own, lesionLabels: lesionLabels)
  }
}

extension Split {
  /// Makes a split from its parts.
  fileprivate init(training: [Sample], validation: [Sample]) {
    self.training = training
    self.validation = validation
  }
}

/// A reader of lists, which remembers where it has met each image.
private struct ListReader {
  /// The images that may train, and all, by each of their names.
  private let own: ImageIndex
  private let all: ImageIndex
  private var places: [ImageLists.Name: ImageListError.Line] = [:]

  init(_ catalog: SiteCatalog) {
    own = ImageIndex(catalog.sites.flatMap(\.samples))
    // Most catalogues state no other test images. Then one index serves both.
    let hasTests = catalog.sites.contains { $0.allSamples.count > $0.samples.count }
    all = hasTests ? ImageIndex(catalog.sites.flatMap(\.allSamples)) : own
  }

  /// Reads the names of a file.
  ///
  /// - Throws: `ImageListError` that names file and line, or `FileError`.
  mutating func names(in file: URL, isTest: Bool) throws -> [ImageLists.Name] {
    guard let text = String(data: try Data(file: file, limit: Data.documentLimit), encoding: .utf8) else {
      throw ImageListError.notText(file)
    }
    var found: [ImageLists.Name] = []
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let word = line.trimmingCharacters(in: .whitespaces)
      guard !word.isEmpty, !word.hasPrefix("#") else { continue }
      let place = ImageListError.Line(file: file, number: index + 1)
      let name = try (isTest ? all : own).name(word, at: place)
      if let first = places[name] {
        throw ImageListError.twice(place, name: "\(name.site)/\(name.image)", first: first)
      }
      places[name] = place
      found.append(name)
    }
    guard !found.isEmpty else { throw ImageListError.empty(file) }
    return found
  }
}

/// The images of sites by the names that a list may use.
private struct ImageIndex {
  private let samples: [Sample]
  /// The place of the first image of each word, without its site.
  private var first: [String: Int32] = [:]
  /// The places of all images of the words that several have.
  private var several: [String: [Int32]] = [:]

  init(_ samples: [Sample]) {
    self.samples = samples
    first.reserveCapacity(samples.count)
    for place in samples.indices { add(samples[place].id, place) }
    // A name without extension wins over a file name.
    let stems = Set(first.keys)
    for place in samples.indices {
      let file = samples[place].image.lastPathComponent
      if !stems.contains(file) { add(file, place) }
    }
  }

  private mutating func add(_ word: String, _ place: Int) {
    guard let known = first[word] else {
      first[word] = Int32(place)
      return
    }
    // A test image of the name of another one of its site is found by it.
    guard !(several[word] ?? [known]).contains(where: { name($0) == name(Int32(place)) }) else { return }
    several[word, default: [known]].append(Int32(place))
  }

  private func name(_ place: Int32) -> ImageLists.Name {
    ImageLists.Name(site: samples[Int(place)].site, image: samples[Int(place)].id)
  }

  /// The images of a word, or of SITE/WORD.
  private func found(_ word: String) -> [ImageLists.Name] {
    func names(_ word: String) -> [ImageLists.Name] {
      first[word].map { known in (several[word] ?? [known]).map(name) } ?? []
    }
    guard let slash = word.firstIndex(of: "/") else { return names(word) }
    return names(String(word[word.index(after: slash)...])).filter { $0.site == word[..<slash] }
  }

  /// The words that a list may use, in order; none if there are too many to look for a near one.
  private var words: [String] {
    guard first.count <= 100_000 else { return [] }
    return first.keys.flatMap { word in [word] + found(word).map { "\($0.site)/\(word)" } }.sorted()
  }

  /// Finds the image that a line names.
  ///
  /// - Throws: `ImageListError.unknown` or `ambiguous`.
  func name(_ word: String, at place: ImageListError.Line) throws -> ImageLists.Name {
    let found = found(word)
    guard !found.isEmpty else {
      let isShort = word.count <= 100
      throw ImageListError.unknown(
        place, name: isShort ? word : "\(word.prefix(100))…",
        near: isShort ? Spelling.near(word, among: words) : nil)
    }
    guard found.count == 1 else {
      throw ImageListError.ambiguous(place, name: word, sites: found.map(\.site))
    }
    return found[0]
  }
}

/// A list of images that cannot be used.
public enum ImageListError: Error, Equatable, CustomStringConvertible {
  /// A line of a list.
  public struct Line: Equatable, Sendable, CustomStringConvertible {
    /// The file.
    public let file: URL
    /// The number of the line, from 1.
    public let number: Int

    /// The file and the line in words.
    public var description: String { "\(file.path), line \(number)" }
  }

  /// The file is no text.
  case notText(URL)
  /// The file names no image.
  case empty(URL)
  /// No image has the name.
  case unknown(Line, name: String, near: String?)
  /// Images of several sites have the name.
  case ambiguous(Line, name: String, sites: [String])
  /// The image stands in a list already.
  case twice(Line, name: String, first: Line)

  /// One or two lines with the fix.
  public var description: String {
    switch self {
    case .notText(let file): "\(file.path): no text in UTF-8; write the name of an image on each line"
    case .empty(let file): "\(file.path): names no image; write SITE/NAME or NAME on each line"
    case .unknown(let line, let name, let near):
      "\(line): no image \"\(name)\" in the data\(near.map { " (did you mean \"\($0)\"?)" } ?? ""); write "
        + "SITE/NAME or NAME, the file name of an image"
    case .ambiguous(let line, let name, let sites):
      "\(line): \"\(name)\" is an image of \(sites.joined(separator: " and of ")); write \(sites[0])/\(name) for one "
        + "of them"
    case .twice(let line, let name, let first):
      "\(line): \"\(name)\" stands in \(first) already; each image belongs to one list, once"
    }
  }
}
