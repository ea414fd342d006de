// What the machine can draw: a graphics card gets haze, soft edges and, when asked, shadows; a software
// renderer gets the same scene without what costs most per pixel (measured: fog 27 %, FXAA 13 %, sky 10 % of a frame).

export function quality(viewer) {
  const { scene } = viewer;
  const gl = scene.canvas.getContext("webgl2");
  const names = gl?.getExtension("WEBGL_debug_renderer_info");
  const renderer = gl ? String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : "";
  const software = /swiftshader|llvmpipe|softpipe|basic render|software/i.test(renderer);
  scene.fog.enabled = !software;
  scene.postProcessStages.fxaa.enabled = !software;
  if (scene.skyAtmosphere) scene.skyAtmosphere.show = !software;
  document.body.classList.toggle("software", software);
  return { software, renderer };
}

/** Shadows and ambient occlusion: beautiful and dear, so only when somebody asks. */
export function setDepth(viewer, tilesets, on) {
  const { scene } = viewer;
  const Cesium = window.Cesium;
  viewer.shadows = on;
  scene.shadowMap.enabled = on;
  Object.assign(scene.shadowMap, { size: 2048, softShadows: true, maximumDistance: 1500, darkness: 0.45 });
  scene.globe.shadows = on ? Cesium.ShadowMode.RECEIVE_ONLY : Cesium.ShadowMode.DISABLED;
  for (const tileset of Object.values(tilesets)) tileset.shadows = on ? Cesium.ShadowMode.ENABLED : Cesium.ShadowMode.DISABLED;
  const occlusion = scene.postProcessStages.ambientOcclusion;
  if (Cesium.PostProcessStageLibrary.isAmbientOcclusionSupported(scene)) {
    occlusion.enabled = on;
    Object.assign(occlusion.uniforms, { intensity: 2.2, lengthCap: 12, stepCount: 16, directionCount: 6 });
  }
  scene.requestRender();
}
