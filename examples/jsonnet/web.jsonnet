local web = import 'lib/web.libsonnet';

// Where the service runs, and the greeting that people there get.
local regions = {
  north: 'Moin!',
  south: 'Servus!',
};

function(replicas=1) [
  object
  for region in std.objectFields(regions)
  for object in web.objects('web-' + region, replicas, regions[region])
]
