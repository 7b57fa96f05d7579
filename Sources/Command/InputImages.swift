import Datasets
import Foundation
import Imaging
import Storage
import Torch
import Training

/// The inputs of a command that words name: files and folders.
struct InputImages {
  /// The images: image files and frames of DICOM files.
  private(set) var images: [PredictionInput] = []
  /// The videos: files, and DICOM files that hold one.
  private(set) var videos: [InputVideo] = []
  /// The files and folders in folders that are no input.
  private(set) var others: [URL] = []
  /// The overlays in folders that `mcdrl predict` drew; they are no input.
  private(set) var overlays: [URL] = []
  /// The names that images had before they were named by their folders, too; empty for other images.
  private(set) var stems: [String: String] = [:]
  private var folders = FolderNames([])
  private let limits: ImageLimits
  private let frames = DICOMFrames()

  /// Finds the inputs and checks that their results have different names.
  ///
  /// The kind of a file is found by its content. In a folder, an image has the ending of one.
  ///
  /// - Parameters:
  ///   - words: the files and folders.
  ///   - target: the output folder.
  ///   - distinguishes: whether files of one stem are named by their folders, too, and not refused.
  ///   - limits: the limits on DICOM files and videos, whose headers are read.
  ///   - console: receives a note of what is left out in folders.
  /// - Throws: an error that names the file or folder and the fix.
  init(
    _ words: some Collection<String>, writingTo target: URL, distinguishes: Bool = false,
    limits: ImageLimits = .default, _ console: Console
  ) throws {
    self.limits = limits
    let urls = words.map(NativePath.url)
    // One missing file does not stop the others: its own reading fails.
    if let first = urls.first, urls.allSatisfy({ FileSystem.kind(of: $0) == nil }) {
      throw FileError.cannotRead(first, reason: "no such file or folder")
    }
    for url in urls {
      if FileSystem.kind(of: url) == .folder {
        let known = others.count
        try addFolder(url)
        searchFolders(Array(others.dropFirst(known)))
      } else {
        add(url, InputKind(of: url), isListed: false)
      }
    }
    note(console)
    guard !images.isEmpty || !videos.isEmpty else {
      throw WorkError.noImages(urls[0], wanted: "images, DICOM files or videos, or a folder of them")
    }
    if distinguishes { distinguish(console) }
    var known: [String: URL] = [:]
    for (name, file) in images.map({ ($0.name, $0.file) }) + videos.map({ ($0.name, $0.file) }) {
      if let other = known.updateValue(file, forKey: name) { throw WorkError.sameStem(other, file) }
    }
    try Self.requireApart(Array(known.values).sorted { $0.path < $1.path }, from: target)
  }

  /// Gives files of one stem different names, and leaves out files that are given twice.
  private mutating func distinguish(_ console: Console) {
    let count = images.count + videos.count
    var seen: Set<String> = []
    images.removeAll { !seen.insert("\($0.file.standardizedFileURL.path)\0\($0.frame ?? 0)").inserted }
    seen = []
    videos.removeAll { !seen.insert($0.file.standardizedFileURL.path).inserted }
    let left = count - images.count - videos.count
    if left > 0 { console.note("given twice, and taken once: \(counted(left, "input"))") }
    folders = FolderNames(
      images.map { (name: $0.name, file: $0.file) } + videos.map { (name: $0.name, file: $0.file) })
    images = images.map { image in
      folders.path(of: image.file).map { path in
        let named = image.named(by: path)
        stems[named.name] = image.name
        return named
      } ?? image
    }
    videos = videos.map { video in
      folders.path(of: video.file).map {
        InputVideo(name: $0, file: video.file, isDICOM: video.isDICOM, limits: video.limits)
      } ?? video
    }
  }

  /// Returns the name of a file for people: with its folders if another file has the same stem.
  func shownName(of file: URL) -> String { folders.path(of: file) ?? file.lastPathComponent }

  /// Finds the images of a folder, without a look at its own folders; empty if it has none.
  ///
  /// - Throws: `FileError` or `DatasetError` that names the folder or file.
  init(of folder: URL) throws {
    limits = .default
    try addFolder(folder)
  }

  /// Adds the DICOM files at any depth of the folders of a folder, as archives export them.
  ///
  /// Their results have the names of their folders, too, because series often number their files alike.
  /// A folder without DICOM files, or one that cannot be searched, stays left out.
  private mutating func searchFolders(_ listed: [URL]) {
    for folder in listed where FileSystem.kind(of: folder) == .folder {
      var found: [FolderWalk.Entry] = []
      var walk = FolderWalk(folder, mostFiles: 200_000)
      do {
        try walk.files { entry in
          let file = folder.appendingPathComponent(entry.path)
          let isCandidate =
            entry.kind == .file && entry.name.uppercased() != "DICOMDIR"
            && !ImageFolder.endings.contains(file.pathExtension.lowercased())
          if isCandidate, DICOMFile.isDICOM(file) { found.append(entry) }
          return true
        }
      } catch {
        continue
      }
      guard !found.isEmpty else { continue }
      others.removeAll { $0 == folder }
      for entry in found {
        let file = folder.appendingPathComponent(entry.path)
        let parts = [folder.lastPathComponent] + entry.folder.split(separator: "/").map(String.init)
        addDICOM(
          file, named: (parts + [InputKind.dicom.name(of: file)]).joined(separator: "-"), isListed: true)
      }
    }
  }

  private mutating func addFolder(_ folder: URL) throws {
    let content = try ImageFolder(folder)
    var found = content.images.map { (name: $0.key, url: $0.value, kind: InputKind.image) }
    for other in content.others {
      let kind = FileSystem.kind(of: other) == .folder ? nil : InputKind(ofUnlisted: other)
      guard let kind else {
        others.append(other)
        continue
      }
      found.append((kind.name(of: other), other, kind))
    }
    for (_, url, kind) in found.sorted(by: { ($0.name, $0.url.path) < ($1.name, $1.url.path) }) {
      add(url, kind, isListed: true)
    }
  }

  /// Adds a file; `isListed` says that it was found in a folder, and not named.
  private mutating func add(_ url: URL, _ kind: InputKind, isListed: Bool) {
    switch kind {
    case .image where !isListed && !ImageFolder.endings.contains(url.pathExtension.lowercased()):
      // It may be missing or empty, which the reading says.
      images.append(
        PredictionInput(frameOf: url, name: PredictionInput(url).name) {
          do {
            return try ImageFile.read(url, limits: $0)
          } catch ImagingError.unknownFormat {
            throw WorkError.unknownInput(url)
          }
        })
    case .image: images.append(PredictionInput(url))
    case .video:
      videos.append(InputVideo(name: kind.name(of: url), file: url, isDICOM: false, limits: limits))
    case .dicom: addDICOM(url, named: kind.name(of: url), isListed: isListed)
    }
  }

  private mutating func addDICOM(_ url: URL, named name: String, isListed: Bool) {
    do {
      let file = try DICOMFile(url, limits: limits)
      guard !file.isVideo else {
        videos.append(InputVideo(name: name, file: url, isDICOM: true, limits: limits))
        return
      }
      guard file.kind != .segmentation else {
        throw DICOMError.noPixels(file: url.path, kind: file.kind.name)
      }
      guard !isListed || !file.isOverlay else {
        overlays.append(url)
        return
      }
      frames.keep(file)
      let count = file.frameCount
      let digits = max(4, String(count).count)
      for index in 0..<count {
        let number = String(index + 1)
        let padded = String(repeating: "0", count: digits - number.count) + number
        images.append(
          PredictionInput(
            frameOf: url, name: count == 1 ? name : "\(name)-\(padded)", frame: count == 1 ? nil : index + 1,
            isDICOM: true
          ) { [frames] in try frames.frame(index, of: url, limits: $0) })
      }
    } catch DICOMError.noPixels where isListed {
      // Reports, segmentations and the like are beside the images of a study.
      others.append(url)
    } catch {
      // A bad file does not stop the others.
      images.append(PredictionInput(frameOf: url, name: name, isDICOM: true) { _ in throw error })
    }
  }

  /// Returns the limits on the headers of DICOM files and videos.
  ///
  /// Frames of DICOM files are read within those of the run.
  ///
  /// - Parameter maxPixels: the largest frame; nil for the default.
  /// - Returns: the limits.
  static func limits(_ maxPixels: Int?) -> ImageLimits {
    maxPixels.map { ImageLimits(maximumPixels: $0) } ?? .default
  }

  private func note(_ console: Console) {
    let folders = others.filter { FileSystem.kind(of: $0) == .folder }
    if let first = folders.first {
      console.note(
        "left out: " + counted(folders.count, "folder")
          + ", such as \(first.shownPath) (folders in a folder are searched for DICOM files only); give the "
          + "folder of the images itself, such as DATA/SITE/images or DATA/SITE/unlabelled")
    }
    if let first = overlays.first {
      console.note(
        "left out: " + counted(overlays.count, "overlay")
          + " that mcdrl predict drew, such as \(first.shownPath); name the file to segment it all the same")
    }
    let rest = others.filter { FileSystem.kind(of: $0) != .folder }
    if let first = rest.first {
      console.note(
        "left out: " + counted(rest.count, "file")
          + " without the ending of an image, and neither DICOM images nor videos, such as \(first.shownPath)"
      )
    }
  }

  /// Checks that results, which have the names of their inputs, do not replace them.
  static func requireApart(_ files: [URL], from target: URL) throws {
    let path = FileSystem.resolved
    let place = path(target)
    if let input = files.first(where: { path($0.deletingLastPathComponent()) == place }) {
      throw UsageError.wouldOverwrite(input: input, in: target)
    }
  }
}
