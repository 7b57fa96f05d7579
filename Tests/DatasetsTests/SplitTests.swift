import Foundation
import Testing

@testable import Datasets

@Suite("Split")
struct SplitTests {
  /// A site whose images fall into groups of the given sizes.
  private func site(_ name: String, groups: [Int]) -> Site {
    let samples = groups.enumerated().flatMap { group, count in
      (0..<count).map { index in
        Sample(
          site: name, id: "\(group)-\(index)",
          image: ListedFile(URL(fileURLWithPath: "/\(name)/\(group)-\(index).png")),
          mask: nil, lesionClass: nil, group: "\(name)/\(group)", lesionLabels: nil)
      }
    }
    return Site(name: name, samples: samples)
  }

  @Test("No group is ever on both sides and no image is lost", arguments: [0.1, 0.3, 0.9], [0, 1, 2])
  func groupsStayWhole(share: Double, seed: Int) throws {
    let sites = [site("a", groups: [5, 1, 9, 2, 2, 4]), site("b", groups: [3, 3, 3, 3])]
    let split = try Split(sites: sites, validationShare: share, seed: UInt64(seed))
    let training = Set(split.training.map(\.group))
    let validation = Set(split.validation.map(\.group))
    #expect(training.isDisjoint(with: validation))
    #expect(split.training.count + split.validation.count == 35)
    for site in sites {
      #expect(split.training.contains { $0.site == site.name })
      let held = split.validation.filter { $0.site == site.name }.count
      #expect(Double(held) >= share * Double(site.samples.count) || held > 0)
    }
  }

  @Test("The same seed gives the same split, another seed another")
  func deterministic() throws {
    let sites = [site("a", groups: Array(repeating: 1, count: 40))]
    func split(_ seed: UInt64) throws -> Split { try Split(sites: sites, validationShare: 0.25, seed: seed) }
    #expect(try split(3) == split(3))
    #expect(try split(3) != split(4))
    #expect(try split(3).validation.count == 10)
  }

  @Test("A site's split does not depend on which other sites there are")
  func independentOfOthers() throws {
    let (a, b) = (site("a", groups: [1, 1, 1, 1]), site("b", groups: [1, 1, 1, 1]))
    let alone = try Split(sites: [b], validationShare: 0.5, seed: 0)
    let both = try Split(sites: [a, b], validationShare: 0.5, seed: 0)
    #expect(both.validation.filter { $0.site == "b" } == alone.validation)
  }

  @Test("At least one group stays for training")
  func keepsOne() throws {
    let one = try Split(sites: [site("a", groups: [7])], validationShare: 0.9, seed: 0)
    #expect(one.training.count == 7 && one.validation.isEmpty)
    let two = try Split(sites: [site("a", groups: [1, 9])], validationShare: 0.99, seed: 0)
    #expect(Set(two.training.map(\.group)).count == 1)
  }

  @Test("A share of 0 gives no validation images")
  func none() throws {
    let split = try Split(sites: [site("a", groups: [1, 2, 3])], validationShare: 0, seed: 0)
    #expect(split.validation.isEmpty && split.training.count == 6)
  }
}
