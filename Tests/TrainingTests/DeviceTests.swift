import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  /// libtorch's meta device has shapes but no numbers, so what was moved can be seen without a graphics processor.
  @Suite("Devices")
  struct DeviceTests {
    @Test(
      "After a move weights, buffers, words, dictionary and moments are on the device",
      arguments: MethodChoice.paper)
    func moved(method: MethodChoice) throws {
      let tiny = try TinyRun(method: method)
      tiny.configuration.mcdrlOptions.region?.fill = .learned
      let (_, system) = try tiny.trainer()
      try system.move(to: Device(kind: .meta, index: -1))
      #expect(system.state().values.allSatisfy { $0.device.kind == .meta })
      #expect(system.model.text.tensors.values.allSatisfy { $0.device.kind == .meta })
      let dictionary = system.model.dictionary
      #expect(dictionary.embeddings.device.kind == .meta && dictionary.prior.device.kind == .meta)
      let optimizer = try AdamW(groups: system.parameterGroups(tiny.configuration.optimizer))
      #expect(optimizer.state().values.allSatisfy { $0.device.kind == .meta })
    }

    @Test("The text tower of a method that learns words moves with the system")
    func textTower() throws {
      let methods = MethodRegistry.builtIn.adding(LearnedPrompt.self)
      let tiny = try TinyRun(method: MethodChoice(LearnedPrompt.self), methods: methods)
      let (_, system) = try tiny.trainer()
      let meta = Device(kind: .meta, index: -1)
      try system.move(to: meta)
      let method = try #require(system.model.method as? LearnedPrompt)
      #expect(method.encoder.tower.parameters().allSatisfy { $0.tensor.device.kind == .meta })
    }
  }
}
