import Foundation
import Testing

@testable import SyntheticEndoscopy

@Suite("World")
struct WorldTests {
  /// How often a class comes with its linked confounder, and how often a placed one is of a placement.
  func frequencies(_ world: World, _ role: SiteRole, count: Int = 200)
    -> (linked: Double, rewired: Double, beside: Double, away: Double)
  {
    var (lesions, linked, rewired, beside, away) = (0, 0, 0, 0, 0)
    for site in world.siteNames.indices {
      for index in 0..<count {
        let draw = world.draw(site: site, index: index, role: role)
        guard let lesion = draw.lesion else { continue }
        lesions += 1
        if let companion = World.companions[lesion], draw.strengths[companion] != nil { linked += 1 }
        if let companion = World.rewiredCompanions[lesion], draw.strengths[companion] != nil { rewired += 1 }
        if draw.placements[.mucus] == .beside { beside += 1 }
        if draw.placements[.mucus] == .away { away += 1 }
      }
    }
    let total = Double(lesions)
    return (Double(linked) / total, Double(rewired) / total, Double(beside) / total, Double(away) / total)
  }

  @Test("Sources tie confounder to lesion, the held-out role another one elsewhere, link 0 nothing")
  func link() {
    let (source, heldOut) = (
      frequencies(World(seed: 1), .source), frequencies(World(seed: 1), .heldOut)
    )
    #expect(source.linked > 0.75 && source.rewired < 0.25, "\(source)")
    #expect(heldOut.rewired > 0.75 && heldOut.linked < 0.25, "\(heldOut)")
    #expect(abs(source.beside - 0.8) < 0.05 && source.away == 0)
    #expect(abs(heldOut.away - 0.8) < 0.05 && heldOut.beside == 0)
    let none = World(link: 0, seed: 1)
    for role in [SiteRole.source, .heldOut] {
      let free = frequencies(none, role)
      #expect(abs(free.linked - free.rewired) < 0.05 && free.linked < 0.25, "\(free)")
      #expect(free.beside == 0 && free.away == 0)
    }
    let always = frequencies(World(link: 1, seed: 1), .source)
    #expect(always.linked == 1 && always.beside == 1)
  }

  @Test("Unlinked images are those of the source with the link's confounders and places taken away")
  func unlinked() {
    let world = World(link: 1, seed: 1)
    let free = World(link: 0, seed: 1)
    for index in 0..<200 {
      let (linked, unlinked) = (
        world.draw(site: 1, index: index, role: .source), world.draw(site: 1, index: index, role: .unlinked)
      )
      #expect(unlinked.scene == linked.scene && unlinked.lesion == linked.lesion)
      #expect(unlinked.camera.hue == linked.camera.hue)
      #expect(unlinked.strengths.allSatisfy { linked.strengths[$0.key].map { $0 >= 0 } ?? false })
      #expect(unlinked.strengths == free.draw(site: 1, index: index, role: .source).strengths)
      #expect(unlinked.placements.values.allSatisfy { $0 == .anywhere })
    }
  }

  @Test("The link may have another strength for a single confounder")
  func linkOf() {
    let world = World(link: 1, links: [.reflection: 0, .narrowBand: 0], seed: 1)
    let draws = (0..<400).map { world.draw(site: 1, index: $0, role: .source) }
    func share(_ lesion: LesionClass, _ confounder: Confounder) -> Double {
      let own = draws.filter { $0.lesion == lesion }
      return Double(own.count { $0.strengths[confounder] != nil }) / Double(own.count)
    }
    #expect(share(.tumour, .blood) == 1 && share(.cyst, .mucus) == 1)
    #expect(share(.polyp, .reflection) < 0.3 && share(.nodule, .reflection) < 0.3)
    #expect(draws.allSatisfy { $0.placements[.reflection] == .anywhere })
    #expect(draws.filter { $0.lesion != nil }.allSatisfy { $0.placements[.blood] == .beside })
  }

  @Test("At link 0 both roles have the same distribution of every confounder")
  func noLink() {
    let world = World(sites: 2, link: 0, seed: 4)
    for confounder in Confounder.allCases {
      let shares = [SiteRole.source, .heldOut].map { role in
        Double((0..<1000).count { world.draw(site: 1, index: $0, role: role).strengths[confounder] != nil })
          / 1000
      }
      #expect(abs(shares[0] - shares[1]) < 0.06, "\(confounder): \(shares)")
    }
  }

  @Test("Sites differ in camera and in what they have much of; about a tenth of their images is normal")
  func sites() {
    let world = World(sites: 8, seed: 2)
    #expect(world.siteNames == "abcdefgh".map { "site-\($0)" })
    #expect(World(sites: 28, seed: 2).siteNames.suffix(2) == ["site-aa", "site-ab"])
    let draws = world.siteNames.indices.map { site in
      (0..<400).map { world.draw(site: site, index: $0, role: .source) }
    }
    #expect(Set(draws.map { $0[0].camera.hue }).count == 8)
    let normal = Double(draws.joined().count { $0.lesion == nil }) / 3200
    #expect(abs(normal - 0.1) < 0.02, "\(normal)")
    for site in 0..<5 {
      for favourite in World.builtHabits[site] where !favourite.isPlaced {
        let here = draws[site].count { $0.strengths[favourite] != nil }
        #expect(here > 30, "\(favourite) at site \(site): \(here)")
      }
    }
  }

  @Test("No picture has a confounder together with its opposite")
  func opposites() {
    let world = World(seed: 3)
    let draws =
      (0..<600).map(world.captioned) + (0..<300).map { world.draw(site: 0, index: $0, role: .source) }
    for draw in draws {
      for confounder in draw.strengths.keys {
        #expect(confounder.opposite.map { draw.strengths[$0] == nil } ?? true)
      }
    }
  }

  @Test("Captioned images have zero to three confounders, any camera, and 15 % are normal")
  func captioned() {
    let draws = (0..<1500).map(World(seed: 6).captioned)
    #expect(Set(draws.map(\.strengths.count)) == [0, 1, 2, 3])
    #expect(Set(draws.map(\.camera.fieldOfView)).count == 4)
    let normal = Double(draws.count { $0.lesion == nil }) / 1500
    #expect(abs(normal - 0.15) < 0.03, "\(normal)")
    for confounder in Confounder.allCases {
      #expect(draws.count { $0.strengths[confounder] != nil } > 90, "\(confounder)")
    }
  }
}
