window.CESIUM_BASE_URL = "/page/vendor/cesium/";
