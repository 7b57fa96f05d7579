import Foundation
import Testing
import TestSupport
import Torch

@testable import Datasets

@Suite("Search for copies among many images")
struct CopySearchTests {
  /// Images of three sites by number, in the order of the border.
  private struct Pictures {
    let border: Border
    let numbers: [Int]

    init(_ count: Int) {
      let samples = (0..<count).map { number in
        Sample(
          site: "\(number % 3)", id: "\(number)", image: ListedFile(URL(fileURLWithPath: "/\(number).png")),
          mask: nil, lesionClass: nil, group: "\(number)", lesionLabels: nil)
      }
      border = Border(
        (0..<3).map { site in Site(name: "\(site)", samples: samples.filter { $0.site == "\(site)" }) })
      numbers = border.samples.compactMap { Int($0.id) }
    }

    /// Every tenth picture is one before that was moved and is brighter; every fiftieth is equal.
    func thumbnail(_ place: Int) throws -> Tensor {
      let number = numbers[place]
      func blobs(_ number: Int) throws -> Tensor {
        try Scratch.blobs(number, width: NearDuplicates.side, height: NearDuplicates.side)
      }
      guard number % 10 == 9 else { return try blobs(number).to(.uint8) }
      let plain = try blobs(number - 1).to(.uint8)
      if number % 50 == 49 { return plain }
      return try (plain.to(.float32).rolled([1, 1], dims: [1, 2]) * 1.08).clamped(min: 0, max: 255).to(.uint8)
    }

    func pairs(mostInMemory: Int, withinSites: Bool = false) throws -> [NearDuplicates.Pair] {
      let thumbnails = try Thumbnails(count: numbers.count, mostInMemory: mostInMemory)
      for place in numbers.indices { try thumbnails.store(thumbnail(place), at: place) }
      return try NearDuplicates.pairs(
        thumbnails, border: border, withinSites: withinSites, workers: 1, reading: { try thumbnail($0) })
    }
  }

  @Test("Cells of descriptors find the pairs that the comparison of all finds, and the same again")
  func recall() throws {
    let pictures = Pictures(1000)
    let all = try pictures.pairs(mostInMemory: 1000)
    let found = try pictures.pairs(mostInMemory: 100)
    func places(_ pairs: [NearDuplicates.Pair]) -> [[Int]] { pairs.map { [$0.first, $0.second] } }
    #expect(all.count >= 95)
    #expect(places(found) == places(all))
    for (one, other) in zip(found, all) { #expect(abs(one.similarity - other.similarity) < 1e-3) }
    #expect(try pictures.pairs(mostInMemory: 100) == found)
  }

  @Test("Of many equal images each makes a pair across the border and one within its site, not all with all")
  func equal() throws {
    let pictures = Pictures(90)
    let thumbnails = try Thumbnails(count: 90, mostInMemory: 0)
    let plain = try Scratch.blobs(1, width: NearDuplicates.side, height: NearDuplicates.side).to(.uint8)
    for place in 0..<90 { try thumbnails.store(plain, at: place) }
    func pairs(withinSites: Bool) throws -> [NearDuplicates.Pair] {
      try NearDuplicates.pairs(
        thumbnails, border: pictures.border, withinSites: withinSites, reading: { _ in plain })
    }
    let across = try pairs(withinSites: false)
    #expect(across.allSatisfy { pictures.border.divides($0.first, $0.second) && $0.similarity == 1 })
    #expect(Set(across.flatMap { [$0.first, $0.second] }).count == 90 && across.count <= 90)
    let all = try pairs(withinSites: true)
    #expect(all.count == across.count + 3 * 29)
  }

  @Test("An image that stands for equal ones passes its similar images on to them")
  func spread() throws {
    let pictures = Pictures(12)
    let thumbnails = try Thumbnails(count: 12, mostInMemory: 0)
    // Places 0 to 3 are of site 0 and equal; 4 to 7 are of site 1, and 4 is similar to them.
    @Sendable func thumbnail(_ place: Int) throws -> Tensor {
      let number = place < 4 ? 0 : place
      let blobs = try Scratch.blobs(
        number == 4 ? 0 : number, width: NearDuplicates.side, height: NearDuplicates.side)
      return try (number == 4 ? blobs * 1.08 : blobs).clamped(min: 0, max: 255).to(.uint8)
    }
    for place in 0..<12 { try thumbnails.store(thumbnail(place), at: place) }
    let pairs = try NearDuplicates.pairs(thumbnails, border: pictures.border, reading: { try thumbnail($0) })
    #expect(pairs.map { [$0.first, $0.second] } == [[0, 4], [1, 4], [2, 4], [3, 4]])
  }

  @Test("Images without details and unread images take no part")
  func plain() throws {
    let pictures = Pictures(6)
    let thumbnails = try Thumbnails(count: 6, mostInMemory: 0)
    let black = try Tensor.zeros([3, NearDuplicates.side, NearDuplicates.side], dtype: .uint8)
    for place in 0..<5 { try thumbnails.store(black, at: place) }
    let pairs = try NearDuplicates.pairs(
      thumbnails, border: pictures.border, withinSites: true, reading: { _ in black })
    #expect(pairs.isEmpty)
  }

  @Test("The closest others are kept in order, each once, and ties go to the lower number")
  func closest() {
    var images = ClosestImages(count: 2, width: 2)
    for (other, similarity) in [(5, 0.7), (6, 0.9), (6, 0.9), (7, 0.8), (4, 0.8), (9, 0.1)] {
      images.add(Int32(other), Float(similarity), to: 1)
    }
    #expect(ClosestImages.pairs(images).map { [$0.first, $0.second] } == [[1, 4], [1, 6]])
  }

  /// Set `MCDRL_SCALE` to a number of images to measure time and memory of the search.
  @Test("The search among a stated number of images", .enabled(if: searchedImages != nil))
  func scale() throws {
    let count = try #require(searchedImages)
    let pictures = Pictures(count)
    let start = Date()
    let thumbnails = try Thumbnails(count: count, mostInMemory: 0)
    for place in 0..<count { try thumbnails.store(pictures.thumbnail(place), at: place) }
    let read = Date()
    let pairs = try NearDuplicates.pairs(
      thumbnails, border: pictures.border, reading: { try pictures.thumbnail($0) })
    let numbers = pairs.map { Set([pictures.numbers[$0.first], pictures.numbers[$0.second]]) }
    let copies = (0..<count).filter { $0 % 10 == 9 }
    let missing = Set(copies.map { Set([$0, $0 - 1]) }).subtracting(numbers).count
    print(
      "\(count) images: \(copies.count) copies, \(missing) missed; descriptors "
        + String(format: "%.1f s, search %.1f s", read.timeIntervalSince(start), -read.timeIntervalSinceNow))
    #expect(Double(missing) <= 0.01 * Double(copies.count))
  }
}

/// The number of images of the measurement; nil unless the environment states one.
private let searchedImages = ProcessInfo.processInfo.environment["MCDRL_SCALE"].flatMap { Int($0) }
